// SPDX-License-Identifier: MIT
module thrum/bench

go 1.19
