// Asio as an echo service: handlers, a read and a write under way by turns on each connection.
//
//     bench_net_asio [udp | BUFFER]
#include <array>
#include <asio.hpp>
#include <memory>

#include "../../../examples/raise_limit.h"
#include "../bench.h"

using asio::ip::tcp;
using asio::ip::udp;

static size_t buffer_size = 1024;

class connection : public std::enable_shared_from_this<connection>
{
public:
  explicit connection(tcp::socket socket) : socket(std::move(socket)), data(buffer_size)
  {
  }

  void read()
  {
    socket.async_read_some(asio::buffer(data),
        [self = shared_from_this()](const asio::error_code &error, size_t size) {
          if (!error) self->write(size);
        });
  }

private:
  // What the socket takes at once is written at once; Asio does the rest.
  void write(size_t size)
  {
    asio::async_write(socket, asio::buffer(data.data(), size),
        [self = shared_from_this()](const asio::error_code &error, size_t) {
          if (!error) self->read();
        });
  }

  tcp::socket socket;
  std::vector<char> data;
};

static void accept(tcp::acceptor &acceptor)
{
  acceptor.async_accept([&acceptor](const asio::error_code &error, tcp::socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true));
      std::make_shared<connection>(std::move(socket))->read();
    }
    accept(acceptor);
  });
}

static void print_listening(unsigned port)
{
  printf("listening on 127.0.0.1:%u (Asio)\n", port);
  fflush(stdout);
}

struct datagrams {
  udp::socket socket;
  udp::endpoint peer;
  std::array<char, 65536> data;

  void receive()
  {
    socket.async_receive_from(
        asio::buffer(data), peer, [this](const asio::error_code &error, size_t size) {
          if (!error) socket.send_to(asio::buffer(data.data(), size), peer);
          receive();
        });
  }
};

int main(int argc, char **argv)
{
  raise_limit(65536);
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE); // one thread: no locks
  asio::signal_set signals(io, SIGTERM);
  signals.async_wait([&io](const asio::error_code &, int) { io.stop(); });
  auto address = asio::ip::address_v4::loopback();
  if (argc > 1 && strcmp(argv[1], "udp") == 0) {
    static datagrams all{udp::socket(io, udp::endpoint(address, 0)), {}, {}};
    print_listening(all.socket.local_endpoint().port());
    all.receive();
    io.run();
    _exit(0); // the socket outlives what it is made on
  }
  if (argc > 1) buffer_size = strtoul(argv[1], nullptr, 10);
  bench_check(buffer_size > 0, "usage: bench_net_asio [udp | BUFFER]");
  tcp::acceptor acceptor(io);
  acceptor.open(tcp::v4());
  acceptor.bind(tcp::endpoint(address, 0));
  acceptor.listen(1024);
  print_listening(acceptor.local_endpoint().port());
  accept(acceptor);
  io.run();
  return 0;
}
