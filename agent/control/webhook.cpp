// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/webhook.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <utility>

#include "util/network_access.hpp"
#include "version.hpp"

namespace coturn_guard {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;

constexpr std::array<std::chrono::seconds, 2> kPauses{std::chrono::seconds(1), std::chrono::seconds(4)};
constexpr std::uint32_t kMostHeaderBytes = 16'384;

tcp::endpoint endpoint_of(const Address& address, std::uint16_t port) {
  const auto& bytes = address.bytes();
  if (!address.is_v4()) return {boost::asio::ip::address_v6(bytes), port};
  boost::asio::ip::address_v4::bytes_type v4;
  std::copy(bytes.begin() + 12, bytes.end(), v4.begin());
  return {boost::asio::ip::address_v4(v4), port};
}

}  // namespace

class Webhook::Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  Delivery(Webhook& owner, const WebAddress& address, std::chrono::seconds timeout, std::string json,
           Done done)
      : owner_(owner), address_(address), timeout_(timeout), done_(std::move(done)), pause_(owner.io_) {
    request_ = {http::verb::post, address_.target, 11};
    const bool v6 = address_.host.find(':') != std::string::npos;
    std::string host = v6 ? "[" + address_.host + "]" : address_.host;
    if (address_.port != 80) host += ":" + std::to_string(address_.port);
    request_.set(http::field::host, host);
    request_.set(http::field::user_agent, std::string("coturn-guard/") + kVersion);
    request_.set(http::field::content_type, "application/json");
    request_.set(http::field::connection, "close");
    request_.body() = std::move(json);
    request_.prepare_payload();
  }

  // Handlers hold us weakly: who goes with the owner is called no more.
  void begin() {
    if (const auto literal = Address::parse(address_.host)) return connect({*literal});
    owner_.resolve_(address_.host, [weak = weak_from_this()](const Result<std::vector<Address>>& found) {
      const auto self = weak.lock();
      if (!self) return;
      if (!found) return self->fail(found.error().message(), true);
      self->connect(*found);
    });
  }

 private:
  // A function of error codes that calls `next` while we live.
  template <class Next>
  auto then(const char* what, Next next) {
    return [weak = weak_from_this(), what, next](const beast::error_code& error, auto&&...) {
      const auto self = weak.lock();
      if (!self) return;
      if (!error) return (self.get()->*next)();
      const auto refused = network_refused();
      self->fail(std::string(what) + ": " +
                     (error == beast::error::timeout ? "no answer in time" : error.message()) +
                     (refused ? ": " + *refused : ""),
                 !refused);
    };
  }

  void connect(const std::vector<Address>& addresses) {
    if (const auto refused = network_refused()) return fail(*refused, false);
    response_.emplace();
    response_->header_limit(kMostHeaderBytes);
    buffer_.clear();
    stream_.emplace(owner_.io_);
    stream_->expires_after(timeout_);  // for all of it together
    stream_->async_connect(endpoint_of(addresses[attempt_ % addresses.size()], address_.port),
                           then("connect", &Delivery::write));
  }

  void write() { http::async_write(*stream_, request_, then("send", &Delivery::read)); }

  // The status is enough: whatever else a server sends, it sends to nobody.
  void read() {
    http::async_read_header(*stream_, buffer_, *response_, then("read the answer", &Delivery::on_answer));
  }

  void on_answer() {
    const auto status = response_->get().result_int();
    if (status >= 200 && status < 300) return end("");
    fail(fmt::format("the server answers with status {}", status), status >= 500 || status == 429);
  }

  void fail(const std::string& problem, bool may_help) {
    stream_.reset();
    if (!may_help || attempt_ >= kPauses.size()) return end(problem);
    pause_.expires_after(kPauses[attempt_++]);
    pause_.async_wait([weak = weak_from_this()](const beast::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->begin();
    });
  }

  void end(const std::string& problem) {
    const auto self = shared_from_this();
    stream_.reset();
    owner_.open_.erase(self);
    done_(problem);
  }

  Webhook& owner_;
  WebAddress address_;
  std::chrono::seconds timeout_;
  Done done_;
  std::size_t attempt_ = 0;
  boost::asio::steady_timer pause_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_{kMostHeaderBytes};
  std::optional<http::response_parser<http::empty_body>> response_;
  std::optional<beast::tcp_stream> stream_;
};

void Webhook::post(const WebAddress& address, std::chrono::seconds timeout, std::string json, Done done) {
  const auto delivery = std::make_shared<Delivery>(*this, address, timeout, std::move(json), std::move(done));
  open_.insert(delivery);
  // Not at once: the caller has its own state to put in order first.
  boost::asio::post(io_, [weak = std::weak_ptr<Delivery>(delivery)] {
    if (const auto still = weak.lock()) still->begin();
  });
}

}  // namespace coturn_guard
