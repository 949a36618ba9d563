// SPDX-License-Identifier: GPL-3.0-or-later
// Asio, compiled once (BOOST_ASIO_SEPARATE_COMPILATION).
#include <utility>  // Asio of Boost 1.74 uses std::exchange without including it

#include <boost/asio/impl/src.hpp>
