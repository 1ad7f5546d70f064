#include "tests/tools/script_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace praxis::tools {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("script server: ") + what);
}

}  // namespace

std::string ScriptRequest::header(std::string_view name) const {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos && at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const std::size_t begin = at + 2, colon = head.find(':', begin);
    if (colon == std::string::npos) break;
    if (colon - begin != name.size() || strncasecmp(head.data() + begin, name.data(), name.size()) != 0) continue;
    const std::size_t value = head.find_first_not_of(' ', colon + 1);
    return head.substr(value, head.find("\r\n", value) - value);
  }
  return {};
}

std::string http_reply(unsigned status, std::string_view body, std::string_view headers) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " said\r\n";
  out.append(headers).append("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n").append(body);
  return out;
}

// --- TLS ---------------------------------------------------------------------------------------------

struct ScriptTls::Context {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  SSL_CTX* tls = SSL_CTX_new(TLS_server_method());
  ~Context() {
    SSL_CTX_free(tls);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
};

ScriptTls::ScriptTls(const std::string& names) : context_(std::make_unique<Context>()) {
  X509* c = context_->certificate;
  require(context_->key && c && context_->tls, "no TLS");
  signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a client that may be gone
  X509_set_version(c, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
  X509_gmtime_adj(X509_getm_notBefore(c), -3600);
  X509_gmtime_adj(X509_getm_notAfter(c), 3600);
  X509_set_pubkey(c, context_->key);
  X509_NAME* name = X509_get_subject_name(c);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("script server"), -1, -1, 0);
  X509_set_issuer_name(c, name);
  const auto extend = [c](int kind, const char* value) {
    X509V3_CTX v3;
    X509V3_set_ctx(&v3, c, c, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &v3, kind, value);
    require(extension && X509_add_ext(c, extension, -1), "no extension");
    X509_EXTENSION_free(extension);
  };
  extend(NID_subject_alt_name, names.c_str());
  extend(NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(c, context_->key, EVP_sha256()) > 0, "not signed");
  require(SSL_CTX_use_certificate(context_->tls, c) == 1 && SSL_CTX_use_PrivateKey(context_->tls, context_->key) == 1, "no key");
}

ScriptTls::~ScriptTls() = default;

std::string ScriptTls::pem() const {
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, context_->certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(memory);
  return out;
}

// --- connections -------------------------------------------------------------------------------------

class ScriptServer::Connection final : public ScriptPeer {
 public:
  Connection(ScriptServer& server, int socket) : server_(server), socket_(socket), thread_([this] { serve(); }) {}
  ~Connection() override {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    if (tls_) SSL_free(tls_);
    ::close(socket_);
  }
  bool send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const long n = tls_ ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                          : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void close() override { closing_ = true; }
  void hang() override {
    char byte;
    while (read(&byte, 1) > 0) continue;
    closing_ = true;
  }

 private:
  long read(char* into, std::size_t n) {
    return tls_ ? SSL_read(tls_, into, static_cast<int>(n)) : ::recv(socket_, into, n, 0);
  }
  bool read_until(std::string& text, std::size_t size) {
    char chunk[4096];
    while (text.size() < size) {
      const long n = read(chunk, sizeof chunk);
      if (n <= 0) return false;
      text.append(chunk, static_cast<std::size_t>(n));
    }
    return true;
  }
  void serve() {
    if (server_.tls_) {
      tls_ = SSL_new(server_.tls_->context().tls);
      SSL_set_fd(tls_, socket_);
      if (SSL_accept(tls_) != 1) return;
    }
    std::string unread;
    while (!closing_) {
      std::size_t end;
      while ((end = unread.find("\r\n\r\n")) == std::string::npos)
        if (!read_until(unread, unread.size() + 1)) return;
      ScriptRequest request;
      request.head = unread.substr(0, end + 2);
      request.method = unread.substr(0, unread.find(' '));
      const std::size_t target = request.method.size() + 1;
      request.target = unread.substr(target, unread.find(' ', target) - target);
      const std::string length = request.header("Content-Length");
      const std::size_t size = length.empty() ? 0 : std::stoul(length);
      if (!read_until(unread, end + 4 + size)) return;
      request.body = unread.substr(end + 4, size);
      unread.erase(0, end + 4 + size);
      {
        std::lock_guard lock(server_.mutex_);
        server_.requests_.push_back(request);
      }
      server_.script_(request, *this);
    }
    if (tls_) SSL_shutdown(tls_);
    ::shutdown(socket_, SHUT_RDWR);
  }

  ScriptServer& server_;
  const int socket_;
  SSL* tls_ = nullptr;
  bool closing_ = false;
  std::thread thread_;
};

ScriptServer::ScriptServer(Script script, ScriptTls* tls, const std::string& address)
    : script_(std::move(script)), tls_(tls), address_(address) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  require(inet_pton(AF_INET, address.c_str(), &at.sin_addr) == 1, "no such address");
  socklen_t size = sizeof at;
  require(::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) == 0 && ::listen(listener_, 16) == 0, "cannot listen");
  getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(at.sin_port);
  acceptor_ = std::thread([this] { accept(); });
}

ScriptServer::~ScriptServer() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  connections_.clear();
  ::close(listener_);
}

void ScriptServer::accept() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    std::lock_guard lock(mutex_);
    if (closing_) {
      ::close(socket);
      return;
    }
    connections_.push_back(std::make_unique<Connection>(*this, socket));
  }
}

std::string ScriptServer::url(const std::string& target) const {
  return (tls_ ? "https://" : "http://") + address_ + ":" + std::to_string(port_) + target;
}

std::vector<ScriptRequest> ScriptServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t ScriptServer::connections() const {
  std::lock_guard lock(mutex_);
  return connections_.size();
}

}  // namespace praxis::tools
