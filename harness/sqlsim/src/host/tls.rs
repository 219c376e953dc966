//! TLS for what is served: the certificate, and the server's side of the handshake.
//!
//! Whoever signs in to SQL Server without a certificate of its own meets a
//! self-signed one that the server makes at start (Microsoft, "Configure SQL
//! Server Database Engine for encrypting connections"); so it is here. Its
//! fingerprint is printed, since a client has nothing else to know it by.

use crate::network::Stream;
use crate::session::{Encrypted, Handshake, Tls};
use async_trait::async_trait;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto, version};
use tokio_rustls::server::TlsStream;

/// The name of TDS 8.0 in the handshake (MS-TDS 2.2.6.5).
const ALPN: &[u8] = b"tds/8.0";

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or holds no PEM of the kind wanted.
    #[error("{path}: {source}; give PEM files with --cert and --key, or leave both out")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: tokio_rustls::rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{0} holds no certificate; give a PEM file with --cert")]
    Empty(PathBuf),
    /// The key does not go with the certificate, or neither can be used.
    #[error("the certificate {certificate} cannot be used with the key {key}: {source}")]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        source: tokio_rustls::rustls::Error,
    },
    /// A self-signed certificate could not be made.
    #[error("a self-signed certificate cannot be made: {0}; give one with --cert and --key")]
    SelfSigned(#[from] rcgen::Error),
    /// The TLS library refused its configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[source] tokio_rustls::rustls::Error),
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: Option<(PathBuf, PathBuf)>,
}

impl Certificate {
    /// A self-signed one for servers of these names at this address.
    pub(super) fn self_signed(servers: &[&str], address: IpAddr) -> Result<Self, CertificateError> {
        let hosts = servers.iter().map(|server| server.split('\\').next().unwrap_or(server));
        let mut names: Vec<String> =
            hosts.chain(["localhost", "127.0.0.1", "::1"]).map(str::to_owned).collect();
        if !address.is_loopback() && !address.is_unspecified() {
            names.push(address.to_string());
        }
        let key = rcgen::KeyPair::generate()?;
        let mut parameters = rcgen::CertificateParams::new(names)?;
        let mut subject = rcgen::DistinguishedName::new();
        subject.push(rcgen::DnType::CommonName, "SSL_Self_Signed_Fallback");
        parameters.distinguished_name = subject;
        let certificate = parameters.self_signed(&key)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|what| CertificateError::Setup(tokio_rustls::rustls::Error::General(what.to_owned())))?;
        Ok(Self { chain: vec![certificate.der().clone()], key, files: None })
    }

    /// One from PEM files: the certificate with those that lead to its root, and its key.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let fails = |path: &Path, source| CertificateError::File { path: path.to_owned(), source };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| fails(certificate, source))?;
        if chain.is_empty() {
            return Err(CertificateError::Empty(certificate.to_owned()));
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|source| fails(key, source))?;
        Ok(Self { chain, key: secret, files: Some((certificate.to_owned(), key.to_owned())) })
    }

    /// SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it.
    pub(super) fn fingerprint(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.chain[0]);
        let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }

    /// The server's side of TLS with this certificate.
    pub(super) fn into_tls(self) -> Result<RustTls, CertificateError> {
        let files = self.files;
        let fails = |source| match &files {
            Some((certificate, key)) => {
                CertificateError::Unusable { certificate: certificate.clone(), key: key.clone(), source }
            }
            None => CertificateError::Setup(source),
        };
        // Two providers of cryptography are compiled in; the builder has to be told which one.
        let provider = Arc::new(crypto::ring::default_provider());
        let configuration = |versions: &[&'static tokio_rustls::rustls::SupportedProtocolVersion]| {
            ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(versions)?
                .with_no_client_auth()
                .with_single_cert(self.chain.clone(), self.key.clone_key())
        };
        let inside = configuration(&[&version::TLS12]).map_err(&fails)?;
        let mut first = configuration(&[&version::TLS13, &version::TLS12]).map_err(&fails)?;
        first.alpn_protocols = vec![ALPN.to_vec()];
        Ok(RustTls { inside: TlsAcceptor::from(Arc::new(inside)), first: TlsAcceptor::from(Arc::new(first)) })
    }
}

/// TLS by rustls.
pub(super) struct RustTls {
    inside: TlsAcceptor,
    first: TlsAcceptor,
}

impl std::fmt::Debug for RustTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RustTls").finish_non_exhaustive()
    }
}

#[async_trait(?Send)]
impl Tls for RustTls {
    async fn accept(&self, stream: Box<dyn Stream>, handshake: Handshake) -> io::Result<Box<dyn Encrypted>> {
        let acceptor = match handshake {
            Handshake::InsidePackets => &self.inside,
            Handshake::First => &self.first,
        };
        let stream = acceptor.accept(stream).await?;
        if handshake == Handshake::First && stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client did not ask for tds/8.0"));
        }
        Ok(Box::new(RustStream(stream)))
    }
}

/// An encrypted stream.
struct RustStream(TlsStream<Box<dyn Stream>>);

impl Encrypted for RustStream {
    fn into_plain(self: Box<Self>) -> Box<dyn Stream> {
        self.0.into_inner().0
    }
}

impl AsyncRead for RustStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for RustStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_certificate_are_named() {
        let folder = std::env::temp_dir().join(format!("firedrill-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let missing = Certificate::read(&certificate, &key).unwrap_err().to_string();
        assert!(missing.starts_with(&certificate.display().to_string()), "{missing}");
        std::fs::write(&certificate, "nothing").unwrap();
        let empty = Certificate::read(&certificate, &key).unwrap_err().to_string();
        assert!(empty.ends_with("holds no certificate; give a PEM file with --cert"), "{empty}");
        let pair = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let made = rcgen::CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
            (made.pem(), key.serialize_pem())
        };
        std::fs::write(&certificate, pair("a").0).unwrap();
        std::fs::write(&key, "nothing").unwrap();
        let no_key = Certificate::read(&certificate, &key).unwrap_err().to_string();
        assert!(no_key.starts_with(&key.display().to_string()), "{no_key}");
        std::fs::write(&key, pair("b").1).unwrap();
        let other = Certificate::read(&certificate, &key).unwrap().into_tls().unwrap_err().to_string();
        assert!(other.contains("cannot be used with the key"), "{other}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_fingerprint_is_thirty_two_bytes_in_hexadecimal() {
        let certificate = Certificate::self_signed(&[r"SQL01\RTC"], IpAddr::from([127, 0, 0, 1])).unwrap();
        let fingerprint = certificate.fingerprint();
        assert_eq!(fingerprint.split(':').count(), 32, "{fingerprint}");
        assert_ne!(
            fingerprint,
            Certificate::self_signed(&["SQL01"], IpAddr::from([127, 0, 0, 1])).unwrap().fingerprint()
        );
    }
}
