//! Just enough of TDS to put load on a server: no encryption, one packet a request, answers by their bytes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A signed-in connection.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    /// Connects and signs in as `sa`.
    pub(crate) async fn sign_in(address: &str, password: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream, read: Vec::new() };
        // VERSION and ENCRYPTION (not supported), each with its place behind the list.
        let prelogin = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 17, 0, 0, 0, 0, 0, 2];
        client.ask(&message(18, &prelogin), &mut |_| ()).await;
        let mut is_welcome = false;
        client.ask(&message(16, &login(password)), &mut |bytes| is_welcome |= bytes.contains(&0xAD)).await;
        assert!(is_welcome, "the login was refused");
        client
    }

    /// Sends a request and shows its answer's bytes packet by packet, without the packets' headers.
    pub(crate) async fn ask(&mut self, request: &[u8], see: &mut dyn FnMut(&[u8])) {
        self.stream.write_all(request).await.unwrap();
        loop {
            while self.read.len() >= 8 {
                let length = usize::from(u16::from_be_bytes([self.read[2], self.read[3]]));
                if self.read.len() < length {
                    break;
                }
                let is_last = self.read[1] & 1 == 1;
                see(&self.read[8..length]);
                self.read.drain(..length);
                if is_last {
                    return;
                }
            }
            let read = self.stream.read_buf(&mut self.read).await.unwrap();
            assert!(read > 0, "the server closed the connection");
        }
    }
}

/// A SQL batch, ready to be sent.
pub(crate) fn batch(text: &str) -> Vec<u8> {
    message(1, &[&all_headers()[..], &utf16(text)].concat())
}

/// A message of one packet.
fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[kind, 1, length[0], length[1], 0, 0, 1, 0], payload].concat()
}

/// ALL_HEADERS with a transaction descriptor of zero.
fn all_headers() -> Vec<u8> {
    [&22_u32.to_le_bytes()[..], &18_u32.to_le_bytes(), &2_u16.to_le_bytes(), &[0; 8], &1_u32.to_le_bytes()]
        .concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// LOGIN7 for TDS 7.4.
fn login(password: &str) -> Vec<u8> {
    let password: Vec<u8> = utf16(password).into_iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect();
    let texts = [
        utf16("client"),
        utf16("sa"),
        password,
        utf16("round_trips"),
        utf16("server"),
        Vec::new(),
        utf16("round_trips"),
        Vec::new(),
        utf16("master"),
    ];
    let mut fixed = Vec::new();
    for number in [0x7400_0004_u32, 4096, 7, 1, 0] {
        fixed.extend(number.to_le_bytes());
    }
    fixed.extend([0xE0, 0x03, 0, 0, 0, 0, 0, 0, 0x09, 0x04, 0, 0]);
    let mut data = Vec::new();
    let mut place = |text: &[u8], fixed: &mut Vec<u8>| {
        fixed.extend(u16::try_from(94 + data.len()).unwrap().to_le_bytes());
        fixed.extend(u16::try_from(text.len() / 2).unwrap().to_le_bytes());
        data.extend(text);
    };
    for text in &texts {
        place(text, &mut fixed);
    }
    fixed.extend([0; 6]);
    for _ in 0..3 {
        place(&[], &mut fixed);
    }
    fixed.extend([0; 4]);
    let whole = [fixed, data].concat();
    let length = u32::try_from(whole.len() + 4).unwrap().to_le_bytes();
    [&length[..], &whole].concat()
}
