"""A server that accepts TLS connections and forwards them to a plain one, with a certificate of a private CA."""

import datetime
import ipaddress
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PIECE = 65_536  # bytes


@contextmanager
def tls_server(
    *, target_port: int, directory: Path, address: str = "127.0.0.1"
) -> Iterator[tuple[int, Path]]:
    """Yield the port of a server, and the file of the CA that signed its certificate.

    The certificate is for `address`. The server listens on 127.0.0.1 in any case.
    """
    ca, chain = make_certificates(directory, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with (
                    context.wrap_socket(self.request, server_side=True) as client,
                    socket.create_connection(("127.0.0.1", target_port)) as server,
                ):
                    _forward(client, server)
            except OSError:
                return  # the client refused the certificate, or one of them left

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener.server_address[1], ca
        finally:
            listener.shutdown()
            thread.join()


def _forward(client: ssl.SSLSocket, server: socket.socket) -> None:
    while True:
        ready = [client] if client.pending() else select.select([client, server], [], [])[0]
        for source in ready:
            piece = source.recv(_PIECE)
            if not piece:
                return
            (server if source is client else client).sendall(piece)


def make_certificates(directory: Path, address: str) -> tuple[Path, Path]:
    """Write a CA's certificate, and a file with a server's key and certificate. Return both paths."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Finishd test CA")])
    authority = x509.BasicConstraints(ca=True, path_length=0)
    ca = _builder(ca_name, ca_name, ca_key).add_extension(authority, critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    signed = _builder(name, ca_name, key).add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
    ca_file, chain_file = directory / "ca.pem", directory / "server.pem"
    ca_file.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    chain_file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return ca_file, chain_file


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )
