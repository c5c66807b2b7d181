// Go on one processor as a service: a goroutine for each connection, or net/http.
//
//	bench_net_go tasks|tasks_exactly|udp|http [BUFFER]
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func echo(connection net.Conn, size int) {
	defer connection.Close()
	data := make([]byte, size)
	for {
		n, err := connection.Read(data)
		if err != nil {
			return
		}
		if _, err = connection.Write(data[:n]); err != nil {
			return
		}
	}
}

// Messages one by one through buffers, which are written out before a read has to wait.
func echoExactly(connection net.Conn, size int) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	writer := bufio.NewWriter(connection)
	data := make([]byte, size)
	for {
		if _, err := io.ReadFull(reader, data); err != nil {
			return
		}
		if _, err := writer.Write(data); err != nil {
			return
		}
		if reader.Buffered() < size {
			if err := writer.Flush(); err != nil {
				return
			}
		}
	}
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Printf("listening on %s (Go)\n", listener.Addr())
	return listener
}

func serveTCP(handle func(net.Conn, int), size int) {
	listener := listen()
	for {
		connection, err := listener.Accept()
		must(err)
		go handle(connection, size) // Go sets TCP_NODELAY itself
	}
}

func serveUDP() {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	fmt.Printf("listening on %s (Go)\n", socket.LocalAddr())
	data := make([]byte, 65536)
	for {
		size, peer, err := socket.ReadFromUDPAddrPort(data)
		must(err)
		_, err = socket.WriteToUDPAddrPort(data[:size], peer)
		must(err)
	}
}

func hello(writer http.ResponseWriter, _ *http.Request) {
	writer.Header()["Content-Type"] = []string{"text/plain"}
	io.WriteString(writer, "hello, world\n")
}

func main() {
	runtime.GOMAXPROCS(1)
	api := ""
	size := 1024
	if len(os.Args) > 1 {
		api = os.Args[1]
	}
	if len(os.Args) > 2 {
		size, _ = strconv.Atoi(os.Args[2])
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	switch api {
	case "tasks":
		go serveTCP(echo, size)
	case "tasks_exactly":
		go serveTCP(echoExactly, size)
	case "udp":
		go serveUDP()
	case "http":
		go http.Serve(listen(), http.HandlerFunc(hello))
	default:
		fmt.Fprintln(os.Stderr, "usage: bench_net_go tasks|tasks_exactly|udp|http [BUFFER]")
		os.Exit(2)
	}
	<-stop
}
