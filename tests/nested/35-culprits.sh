#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# timeout: 240
#
# tests/native/culprits.sh, in the nested ground.

. "$(dirname "$0")/only.sh" native
# shellcheck source=../native/culprits.sh
. "$(dirname "$0")/../native/culprits.sh"
