#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 240
#
# tests/native/parts.sh, in the nested ground.

. "$(dirname "$0")/only.sh" native
# shellcheck source=../native/parts.sh
. "$(dirname "$0")/../native/parts.sh"
