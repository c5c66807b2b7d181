// Node.js as a service: an echo, or HTTP that says hello.
//
//     node net_node.js echo|udp|http
'use strict'
const net = require('net')

function say (server) {
  const { address, port } = server.address()
  console.log(`listening on ${address}:${port} (Node.js)`)
}

function serveEcho () {
  const server = net.createServer({ noDelay: true }, socket => {
    socket.on('data', data => { if (!socket.write(data)) socket.pause() })
    socket.on('drain', () => socket.resume())
    socket.on('error', () => socket.destroy())
  })
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => say(server))
}

function serveDatagrams () {
  const socket = require('dgram').createSocket('udp4')
  socket.on('message', (data, from) => socket.send(data, from.port, from.address))
  socket.bind(0, '127.0.0.1', () => say(socket))
}

function serveHello () {
  const server = require('http').createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 13 })
    response.end('hello, world\n')
  })
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => say(server))
}

process.on('SIGTERM', () => process.exit(0))
const serve = { echo: serveEcho, udp: serveDatagrams, http: serveHello }[process.argv[2]]
if (!serve) {
  console.error('usage: node net_node.js echo|udp|http')
  process.exit(2)
}
serve()
