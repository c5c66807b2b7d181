//! tokio as an echo service: a task for each connection, or one for all datagrams.
//!
//!     bench_net_tokio tasks|tasks_exactly|udp [BUFFER]

use std::io::Result;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::runtime::Builder;
use tokio::signal::unix::{signal, SignalKind};

const SMALL: usize = 1024;

async fn echo_with(mut stream: TcpStream, buffer: &mut [u8]) -> Result<()> {
    loop {
        let size = stream.read(buffer).await?;
        if size == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..size]).await?;
    }
}

async fn echo_small(stream: TcpStream) {
    let mut buffer = [0; SMALL];
    let _ = echo_with(stream, &mut buffer).await;
}

async fn echo_sized(stream: TcpStream, size: usize) {
    let mut buffer = vec![0; size];
    let _ = echo_with(stream, &mut buffer).await;
}

/// The library's way of many small messages: buffers around the stream, written out before it
/// has to wait.
async fn echo_exactly(stream: TcpStream, size: usize) -> Result<()> {
    let (reader, writer) = tokio::io::split(stream);
    let mut reader = tokio::io::BufReader::new(reader);
    let mut writer = tokio::io::BufWriter::new(writer);
    let mut message = vec![0; size];
    loop {
        reader.read_exact(&mut message).await?;
        writer.write_all(&message).await?;
        if reader.buffer().len() < size {
            writer.flush().await?;
        }
    }
}

async fn serve_tcp(address: SocketAddr, exactly: bool, size: usize) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(address)?;
    let listener = socket.listen(1024)?;
    println!("listening on {} (tokio)", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if exactly {
            tokio::spawn(echo_exactly(stream, size));
        } else if size <= SMALL {
            tokio::spawn(echo_small(stream));
        } else {
            tokio::spawn(echo_sized(stream, size));
        }
    }
}

async fn serve_udp(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind(address).await?;
    let mut buffer = [0; 65536];
    println!("listening on {} (tokio)", socket.local_addr()?);
    loop {
        let (size, peer) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..size], peer).await?;
    }
}

async fn serve(api: String, size: usize) -> Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    match api.as_str() {
        "udp" => serve_udp(address).await,
        _ => serve_tcp(address, api == "tasks_exactly", size).await,
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let api = arguments.get(1).cloned().unwrap_or_default();
    let size = arguments.get(2).and_then(|word| word.parse().ok()).unwrap_or(SMALL);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stop = signal(SignalKind::terminate())?;
        // A task of its own, as the connections are: what block_on is given is looked at in
        // every turn.
        let service = tokio::spawn(serve(api, size));
        stop.recv().await;
        service.abort();
        Ok(())
    })
}
