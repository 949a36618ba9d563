// SPDX-License-Identifier: GPL-3.0-or-later
// Precompiled where Meson is told so (-Db_pch=true, the quickstart): what nearly every file includes and is
// slow to parse. No file may rely on it: each includes what it uses, and the tests build without it. No
// #pragma once: compiled alone, it would be warned of.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>
