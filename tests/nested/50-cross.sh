#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo-vmm's own store beside rondo-bpfd's, on this ground.

. "$(dirname "$0")/only.sh" native
# shellcheck source=../native/vmm_cross.sh
. "$(dirname "$0")/../native/vmm_cross.sh"
