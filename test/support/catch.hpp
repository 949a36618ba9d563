// SPDX-License-Identifier: GPL-3.0-or-later
// Catch2 v2 (Debian 12) and v3 (Debian 13) under one name.
#pragma once

#ifdef CATCH3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
