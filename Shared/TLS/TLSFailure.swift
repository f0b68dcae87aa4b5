// Why a connection is not secure, as a value: one word for the figures, one sentence for people.

import COpenSSL

/// A connection that did not come about, or that broke the rules of TLS.
public struct TLSFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The words of the metrics page; they keep their meaning for ever.
    public enum Reason: String, CaseIterable, Sendable {
        /// Somebody speaks HTTP where TLS is spoken.
        case plainHTTP = "plain_http"
        /// Or something else that is no TLS.
        case notTLS = "not_tls"
        /// Too old.
        case version
        /// No cipher or group in common.
        case cipher
        /// The other side's certificate: missing, not trusted, over, or for another name.
        case certificate
        /// The other side says that it does not want to, for instance because it does not trust ours.
        case refused
        /// More than `TLSLimits.handshakeBytesMax` before the handshake was done.
        case tooLong = "too_long"
        /// The other side went in the middle of it.
        case ended
        /// It took too long, or newer ones needed its place.
        case givenUp = "given_up"
        case other
    }

    public let reason: Reason
    public let description: String

    public init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }

    public static let ended = TLSFailure(.ended, "the other side ended the connection during the handshake")
    static let tooLong = TLSFailure(.tooLong, "the handshake is too long")

    /// What OpenSSL's queue of errors says, which is empty afterwards.
    /// - Parameter verification: the result of verifying the other side's certificate.
    init(verification: Int) {
        let code = ERR_get_error()
        ERR_clear_error()
        let text = ERR_reason_error_string(code).map { String(cString: $0) } ?? "the connection broke"
        let reason = ERR_GET_REASON(code)
        switch reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: self.init(.plainHTTP, "the other side speaks HTTP without TLS")
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_BAD_RECORD_TYPE, SSL_R_RECORD_LENGTH_MISMATCH, SSL_R_PACKET_LENGTH_TOO_LONG:
            self.init(.notTLS, "the other side does not speak TLS (\(text))")
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH, SSL_R_NO_PROTOCOLS_AVAILABLE:
            self.init(.version, "no version of TLS in common; 1.2 and 1.3 are spoken (\(text))")
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_GROUPS:
            self.init(.cipher, "no cipher in common (\(text))")
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: self.init(.certificate, "the other side shows no certificate")
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            let why = X509_verify_cert_error_string(verification).map { String(cString: $0) } ?? text
            self.init(.certificate, "the other side's certificate is not accepted: \(why)")
        case 1000...1255: self.init(.refused, "the other side refused (\(text))")
        default: self.init(.other, text)
        }
    }
}
