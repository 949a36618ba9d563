// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/metrics_client.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>
#include <optional>
#include <utility>

namespace coturn_guard {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::seconds;

constexpr std::size_t kMaxHeaderBytes = 8192;
constexpr seconds kFirstRequest{5};
constexpr seconds kNextRequest{150};  // beyond the longest usual interval of scrapes
constexpr seconds kReading{10};

}  // namespace

// Lives as long as an operation of its own is under way, or its owner.
class MetricsClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  using Request = http::request<http::empty_body>;
  Impl(boost::asio::io_context& io, int family, UniqueFd fd, const Server& server, const MetricsClient& self)
      : socket_(io),
        timer_(io),
        buffer_(kMaxHeaderBytes),
        server_(&server),
        self_(self),
        since_(Clock::now()) {
    error_code refused;  // then the first reading fails
    socket_.assign({family, 0}, fd.get(), refused);
    if (!refused) (void)fd.release();
  }

  void start() {
    allow(kFirstRequest);
    read();
  }
  void close() {
    server_ = nullptr;
    error_code ignored;
    timer_.cancel();
    socket_.close(ignored);
  }
  [[nodiscard]] bool writing() const { return writing_; }
  [[nodiscard]] Clock::time_point since() const { return since_; }

 private:
  void read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    // None is read, so none is too long. (Boost 1.74 takes its own word for that, boost::none, as 0.)
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    http::async_read_header(
        socket_, buffer_, *parser_,
        [self = shared_from_this()](const error_code& error, std::size_t) { self->on_read(error); });
  }

  void on_read(const error_code& error) {
    if (server_ == nullptr) return;
    // Behind a header with a body comes no next request.
    if (!error) return answer(parser_->get(), parser_->is_done());
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error.category() != http::make_error_code(http::error::bad_method).category())
      return leave();
    refuse(error == http::error::header_limit || error == http::error::buffer_overflow
               ? http::status::request_header_fields_too_large
               : http::status::bad_request,
           11, false, "This is no request for metrics.\n");
  }

  void answer(const Request& request, bool whole) {
    const auto target = request.target().substr(0, request.target().find('?'));
    const bool keep = whole && request.keep_alive();
    if (request.method() != http::verb::get && request.method() != http::verb::head)
      return refuse(http::status::method_not_allowed, request.version(), keep, "GET or HEAD /metrics.\n");
    if (target != "/metrics")
      return refuse(http::status::not_found, request.version(), keep,
                    "There is /metrics and nothing else.\n");
    const auto accept = request[http::field::accept];
    const auto format = choose_format({accept.data(), accept.size()});
    ++server_->counters->requests;
    respond(http::status::ok, request.version(), keep, server_->text(format), content_type(format),
            request.method() == http::verb::head);
  }

  void refuse(http::status status, unsigned version, bool keep, const char* why) {
    ++server_->counters->rejected;
    respond(status, version, keep, std::make_shared<const std::string>(why), "text/plain; charset=utf-8",
            false);
  }

  void respond(http::status status, unsigned version, bool keep, Text text, std::string_view type,
               bool header_only) {
    text_ = std::move(text);
    response_ = {status, version};
    response_.set(http::field::server, "coturn-guard");
    response_.set(http::field::content_type, boost::beast::string_view(type.data(), type.size()));
    if (status == http::status::ok) response_.set(http::field::vary, "Accept");
    if (status == http::status::method_not_allowed) response_.set(http::field::allow, "GET, HEAD");
    response_.content_length(text_->size());
    response_.keep_alive(keep);
    if (!header_only) response_.body() = {text_->data(), text_->size()};
    writing_ = true;
    allow(kReading);
    http::async_write(socket_, response_, [self = shared_from_this()](const error_code& error, std::size_t) {
      self->on_written(error);
    });
  }

  void on_written(const error_code& error) {
    if (server_ == nullptr) return;
    writing_ = false;
    const bool keep = !error && response_.keep_alive();
    text_.reset();
    if (!keep) {
      error_code ignored;
      socket_.shutdown(Socket::shutdown_send, ignored);
      return leave();
    }
    since_ = Clock::now();
    timer_.expires_after(kRest);
    timer_.async_wait([self = shared_from_this()](const error_code& stopped) {
      if (stopped || self->server_ == nullptr) return;
      self->allow(kNextRequest);
      self->read();
    });
  }

  // So long for what comes now.
  void allow(Clock::duration time) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](const error_code& stopped) {
      // What had ended already when it was put off is no end.
      if (stopped || self->server_ == nullptr || self->timer_.expiry() > Clock::now()) return;
      ++self->server_->counters->timed_out;
      self->leave();
    });
  }

  void leave() { server_->gone(self_); }

  using Socket = boost::asio::generic::stream_protocol::socket;
  using Response = http::response<http::span_body<const char>>;
  Socket socket_;
  boost::asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  Text text_;  // that response_ borrows
  Response response_;
  const Server* server_;       // until the owner goes
  const MetricsClient& self_;  // only while there is a server
  Clock::time_point since_;    // of its last answer, or its beginning
  bool writing_ = false;
};

MetricsClient::MetricsClient(boost::asio::io_context& io, int family, UniqueFd fd, const Server& server)
    : impl_(std::make_shared<Impl>(io, family, std::move(fd), server, *this)) {
  impl_->start();
}
MetricsClient::~MetricsClient() {
  impl_->close();
}
bool MetricsClient::writing() const {
  return impl_->writing();
}
MetricsClient::Clock::time_point MetricsClient::since() const {
  return impl_->since();
}

}  // namespace coturn_guard
