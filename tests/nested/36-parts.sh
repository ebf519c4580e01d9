#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 240
#
# tests/native/parts.sh, on this kernel.

# shellcheck source=../native/parts.sh
. "$(dirname "$0")/../native/parts.sh"
