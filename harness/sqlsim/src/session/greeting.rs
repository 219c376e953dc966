//! The first words of a connection: PRELOGIN, what is agreed about encryption, TLS.

use super::endpoint::{Agreed, Encrypted, EncryptionPolicy, Endpoint, Handshake};
use super::handshake::{HandshakeEnd, InPackets, Unread};
use super::login::Refused;
use super::wire::Lost;
use crate::instance::{Instance, PRODUCT_VERSION};
use crate::network::Stream;
use crate::tds::ProtocolError;
use crate::tds::packet::{Assembler, LOGIN_BYTES_MAX, Message, MessageKind, Packetizer};
use crate::tds::prelogin;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The first byte of a TLS record that begins a handshake; no TDS packet begins so.
const TLS_HANDSHAKE: u8 = 0x16;

/// A client that may send its login, or has.
pub(super) struct Greeted {
    /// The stream on which the connection goes on.
    pub(super) stream: Box<dyn Stream>,
    /// What was read from it already.
    pub(super) assembler: Assembler,
    /// Its login.
    pub(super) login: Message,
    /// Whether everything after the login is encrypted.
    pub(super) is_encrypted: bool,
}

/// Goes through PRELOGIN and TLS until the login is here.
pub(super) async fn greet(
    instance: &Instance,
    endpoint: &Endpoint,
    stream: Box<dyn Stream>,
) -> Result<Greeted, Refused> {
    let mut connection = Connection::new(stream);
    let tls_first = connection.first_byte().await? == TLS_HANDSHAKE;
    if tls_first {
        connection = connection.begin_with_tls(instance, endpoint).await?;
    }
    let first = connection.message().await?;
    if first.kind != MessageKind::PreLogin {
        // PRELOGIN may be left out; then there is no talk about encryption.
        let must_encrypt = matches!(endpoint.policy(), EncryptionPolicy::Required | EncryptionPolicy::Strict);
        if must_encrypt && !tls_first {
            instance.log_line("Logon", CANNOT_ENCRYPT);
            return Err(Refused::Told);
        }
        return Ok(connection.into_greeted(first, tls_first));
    }
    let wish = prelogin::decode(&first.payload)?;
    let (answer, agreed) = if tls_first {
        // TDS 8.0: the option is not looked at, everything is encrypted already.
        (prelogin::Encryption::NotSupported, Agreed::Nothing)
    } else {
        endpoint.agree(wish.encryption)
    };
    let (major, minor, build, _) = PRODUCT_VERSION;
    connection.answer(prelogin::encode_answer((major, minor, build), answer)).await?;
    match agreed {
        Agreed::Nothing => {
            let login = connection.message().await?;
            Ok(connection.into_greeted(login, tls_first))
        }
        Agreed::Refused => {
            let why = match endpoint.policy() {
                EncryptionPolicy::Off => {
                    "A client required encryption, which this server does not offer. The connection has been closed."
                }
                EncryptionPolicy::Strict => ONLY_STRICT,
                EncryptionPolicy::Optional | EncryptionPolicy::Required => CANNOT_ENCRYPT,
            };
            instance.log_line("Logon", why);
            Err(Refused::Told)
        }
        Agreed::Everything => {
            let tls = connection.start_tls(instance, endpoint).await?;
            let mut encrypted = Connection::new(tls);
            let login = encrypted.message().await?;
            Ok(encrypted.into_greeted(login, true))
        }
        Agreed::Login => {
            let mut tls = connection.start_tls(instance, endpoint).await?;
            let mut assembler = assembler();
            let login = read_message(&mut tls, &mut assembler).await?;
            if assembler.is_inside_message() {
                return Err(ProtocolError::NotSupported("a request inside of the login's encryption").into());
            }
            let clear = Connection::new(tls.into_plain());
            Ok(clear.into_greeted(login, false))
        }
    }
}

const CANNOT_ENCRYPT: &str = "Encryption is required to connect to this server but the client library does not \
     support encryption; the connection has been closed. Please upgrade your client library.";
const ONLY_STRICT: &str = "This server takes TDS 8.0 only (strict encryption), and a client began with an older \
     protocol; the connection has been closed.";

/// A stream and what has been read from it.
struct Connection {
    stream: Box<dyn Stream>,
    assembler: Assembler,
}

fn assembler() -> Assembler {
    let mut assembler = Assembler::new();
    assembler.set_message_bytes_max(LOGIN_BYTES_MAX);
    assembler
}

impl Connection {
    fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), assembler: assembler() }
    }

    fn into_greeted(self, login: Message, is_encrypted: bool) -> Greeted {
        Greeted { stream: self.stream, assembler: self.assembler, login, is_encrypted }
    }

    /// The first byte, which stays unread.
    async fn first_byte(&mut self) -> Result<u8, Lost> {
        loop {
            if let Some(first) = self.assembler.input().first() {
                return Ok(*first);
            }
            if self.stream.read_buf(self.assembler.input()).await.map_err(Lost::Broken)? == 0 {
                return Err(Lost::Closed);
            }
        }
    }

    async fn message(&mut self) -> Result<Message, Lost> {
        read_message(&mut self.stream, &mut self.assembler).await
    }

    /// Sends an answer that is not made of tokens.
    async fn answer(&mut self, mut payload: Vec<u8>) -> Result<(), Lost> {
        let mut out = BytesMut::new();
        Packetizer::new(0).cut(&mut payload, &mut out, true);
        self.stream.write_all(&out).await.map_err(Lost::Broken)?;
        self.stream.flush().await.map_err(Lost::Broken)
    }

    /// TDS 8.0: TLS comes before everything else.
    async fn begin_with_tls(mut self, instance: &Instance, endpoint: &Endpoint) -> Result<Self, Refused> {
        let Some(tls) = endpoint.tls().filter(|_| endpoint.policy() != EncryptionPolicy::Off) else {
            let why =
                "A client began with TLS, which this server does not offer. The connection has been closed.";
            instance.log_line("Logon", why);
            return Err(Refused::Told);
        };
        let stream = Unread { bytes: self.assembler.input().split(), stream: self.stream };
        match tls.accept(Box::new(stream), Handshake::First).await {
            Ok(encrypted) => Ok(Self::new(encrypted)),
            Err(error) => Err(handshake_failed(instance, &error)),
        }
    }

    /// TDS 7.x: TLS's handshake in PRELOGIN packets.
    async fn start_tls(
        self,
        instance: &Instance,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn Encrypted>, Refused> {
        if self.assembler.is_inside_message() {
            return Err(ProtocolError::NotSupported("a request before the TLS handshake").into());
        }
        // An agreement about encryption comes from an endpoint that has it.
        let Some(tls) = endpoint.tls() else { return Err(Refused::Told) };
        let end = HandshakeEnd::default();
        let stream = InPackets::new(self.stream, end.clone());
        match tls.accept(Box::new(stream), Handshake::InsidePackets).await {
            Ok(encrypted) => {
                end.set();
                Ok(encrypted)
            }
            Err(error) => Err(handshake_failed(instance, &error)),
        }
    }
}

fn handshake_failed(instance: &Instance, error: &std::io::Error) -> Refused {
    let why = format!("The TLS handshake with a client failed; the connection has been closed: {error}.");
    instance.log_line("Logon", &why);
    Refused::Told
}

async fn read_message(
    stream: &mut (impl Stream + ?Sized),
    assembler: &mut Assembler,
) -> Result<Message, Lost> {
    loop {
        if let Some(message) = assembler.next_message()? {
            return Ok(message);
        }
        if stream.read_buf(assembler.input()).await.map_err(Lost::Broken)? == 0 {
            let inside = assembler.is_inside_message();
            return Err(if inside { ProtocolError::Truncated("a packet").into() } else { Lost::Closed });
        }
    }
}
