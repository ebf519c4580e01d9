#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 240
#
# tests/native/load.sh, on this kernel.

# shellcheck source=../native/load.sh
. "$(dirname "$0")/../native/load.sh"
