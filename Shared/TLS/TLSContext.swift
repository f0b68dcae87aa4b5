// What connections have in common: our certificate, whom we believe, and what is spoken.
//
// TLS 1.2 and 1.3 only (RFC 8446; RFC 9325 says why), ciphers that authenticate what they encrypt and whose keys nobody can find
// out later: ECDHE with AES-GCM or ChaCha20-Poly1305. No renegotiation, no compression, no early data. A context never changes:
// a new certificate makes a new one, and connections keep the one that they began with.

import CIdleCiphers
import COpenSSL
import Glibc
import Primitives

/// Made of files; connections on both sides are made of it.
///
/// It may go to other threads: OpenSSL guards a context by itself (`SSL_CTX_new`, `SSL_new`), and we never change one that is made.
public final class TLSContext: Sendable {
    /// Ciphers of TLS 1.2, and of 1.3; in the order of RFC 9325, section 4.2: AES with 128 bits is as safe as people need, the fastest, and
    /// keeps the smaller hash.
    private static let ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
        + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    private static let ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
    private static let groups = "X25519:P-256:P-384"
    /// Lengths and names (RFC 7301, section 3.1).
    private static let httpProtocol: [UInt8] = [8] + Array("http/1.1".utf8)
    private static let peerProtocol: [UInt8] = [13] + Array("fantail-rpc/1".utf8)

    /// Where contexts get their ciphers, one for the process: an idle connection keeps keys and no tables. An address because pointers stay
    /// in their threads.
    private static let library: UInt = {
        guard let library = fantail_idle_library() else { preconditionFailure("OpenSSL: no AES-GCM") }
        return UInt(bitPattern: library)
    }()

    /// The address of OpenSSL's own object, of which we hold one reference.
    private let address: UInt
    /// When our certificate is over, seconds since 1970; nil without one.
    public let expirySeconds: Int64?

    var pointer: OpaquePointer { OpaquePointer(bitPattern: address)! }

    deinit { SSL_CTX_free(pointer) }

    /// A server for clients, who show no certificate.
    /// - Parameter now: the certificate must be valid then.
    /// - Throws: what is wrong with the files.
    public convenience init(serving files: TLSFiles, now: Stamp) throws(TLSFileProblem) {
        let made = Self.make()
        do throws(TLSFileProblem) {
            let expiry = try Self.load(files, into: made, now: now)
            Self.choose(Self.httpProtocol, in: made)
            // Tickets, OpenSSL's usual two: a client that comes back saves a signature, and we keep nothing.
            self.init(made, expiry)
        } catch {
            SSL_CTX_free(made)
            throw error
        }
    }

    /// Both ends of links between services, each of whom shows a certificate of the authority.
    public convenience init(peers files: TLSFiles, now: Stamp) throws(TLSFileProblem) {
        let made = Self.make()
        do throws(TLSFileProblem) {
            guard let authority = files.authority else { preconditionFailure("peers without an authority") }
            try files.check()
            try Self.trust(authority, in: made)
            let expiry = try Self.load(files, into: made, now: now)
            SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
            Self.choose(Self.peerProtocol, in: made)
            precondition(SSL_CTX_set_num_tickets(made, 0) == 1)
            self.init(made, expiry)
        } catch {
            SSL_CTX_free(made)
            throw error
        }
    }

    /// Whether the system has a store of authorities: an image with nothing but an executable has none, and would believe nobody.
    public static var hasSystemAuthorities: Bool {
        func path(_ variable: UnsafePointer<CChar>?, _ usual: UnsafePointer<CChar>?) -> UnsafePointer<CChar>? {
            variable.flatMap { getenv($0) }.map { UnsafePointer($0) } ?? usual
        }
        if let file = path(X509_get_default_cert_file_env(), X509_get_default_cert_file()), access(file, R_OK) == 0 { return true }
        guard let folder = path(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()), let listing = opendir(folder) else { return false }
        defer { closedir(listing) }
        while let entry = readdir(listing) { if entry.pointee.d_name.0 != UInt8(ascii: ".") { return true } }
        return false
    }

    /// A client that believes the authorities of a file, or those of the system.
    public convenience init(trusting authority: String?) throws(TLSFileProblem) {
        let made = Self.make()
        do throws(TLSFileProblem) {
            if let authority {
                try Self.trust(authority, in: made)
            } else {
                guard SSL_CTX_set_default_verify_paths(made) == 1 else { throw Self.problem("cannot read the system's store of authorities") }
            }
        } catch {
            SSL_CTX_free(made)
            throw error
        }
        SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nil)
        precondition(SSL_CTX_set_alpn_protos(made, Self.httpProtocol, UInt32(Self.httpProtocol.count)) == 0)
        self.init(made, nil)
    }

    private init(_ pointer: OpaquePointer, _ expirySeconds: Int64?) {
        address = UInt(bitPattern: pointer)
        self.expirySeconds = expirySeconds
    }

    // MARK: Pieces

    private static func make() -> OpaquePointer {
        let library = OpaquePointer(bitPattern: Self.library)
        guard let made = SSL_CTX_new_ex(library, "?provider=idle", TLS_method()) else { preconditionFailure("OpenSSL: no context") }
        precondition(fantail_tls_restrict(made) == 1)
        precondition(SSL_CTX_set_cipher_list(made, ciphers) == 1)
        precondition(SSL_CTX_set_ciphersuites(made, ciphersuites) == 1)
        precondition(fantail_tls_set_groups(made, groups) == 1)
        SSL_CTX_set_verify_depth(made, TLSLimits.chainDepthMax)
        // A key that asks for a password would wait for somebody at a terminal.
        SSL_CTX_set_default_passwd_cb(made) { _, _, _, _ in 0 }
        return made
    }

    private static func trust(_ authority: String, in context: OpaquePointer) throws(TLSFileProblem) {
        guard SSL_CTX_load_verify_locations(context, authority, nil) == 1 else {
            throw problem("\(authority) holds no certificate of an authority in PEM")
        }
    }

    private static func load(_ files: TLSFiles, into context: OpaquePointer, now: Stamp) throws(TLSFileProblem) -> Int64 {
        try files.check()
        guard SSL_CTX_use_certificate_chain_file(context, files.certificate) == 1 else {
            throw problem("\(files.certificate) holds no certificate in PEM that may be used")
        }
        guard SSL_CTX_use_PrivateKey_file(context, files.key, SSL_FILETYPE_PEM) == 1 else {
            let isOther = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH || ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH
            throw problem(isOther
                ? "the key \(files.key) is not that of the certificate \(files.certificate)"
                : "\(files.key) holds no key in PEM without a password")
        }
        guard SSL_CTX_check_private_key(context) == 1, let certificate = SSL_CTX_get0_certificate(context) else {
            throw problem("the key \(files.key) is not that of the certificate \(files.certificate)")
        }
        let (begin, end) = (fantail_seconds(X509_get0_notBefore(certificate)), fantail_seconds(X509_get0_notAfter(certificate)))
        guard now.seconds <= end else { throw TLSFileProblem("the certificate \(files.certificate) is over; install a new one") }
        guard now.seconds >= begin else {
            throw TLSFileProblem("the certificate \(files.certificate) is not valid yet; look at this machine's clock")
        }
        if let name = files.name, X509_check_host(certificate, name, name.utf8.count, nameFlags, nil) != 1 {
            throw TLSFileProblem("the certificate \(files.certificate) does not name \(name); make one with subjectAltName=DNS:\(name)")
        }
        if files.authority != nil { try verify(certificate, files, context) }
        return end
    }

    /// Better heard now from us than from each peer.
    private static func verify(_ certificate: OpaquePointer, _ files: TLSFiles, _ context: OpaquePointer) throws(TLSFileProblem) {
        guard let check = X509_STORE_CTX_new() else { preconditionFailure("OpenSSL: no memory") }
        defer { X509_STORE_CTX_free(check) }
        precondition(X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context), certificate, fantail_tls_chain(context)) == 1)
        guard X509_verify_cert(check) == 1 else {
            let why = String(cString: X509_verify_cert_error_string(Int(X509_STORE_CTX_get_error(check))))
            throw problem("the certificate \(files.certificate) is none of the authority \(files.authority ?? ""): \(why)")
        }
    }

    /// Whole labels only, and never the common name.
    static let nameFlags = UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

    /// Offers a protocol as a client and chooses it as a server; with a client that wants another one no connection comes about.
    private static func choose(_ name: [UInt8], in context: OpaquePointer) {
        precondition(SSL_CTX_set_alpn_protos(context, name, UInt32(name.count)) == 0)
        // A function of C captures nothing, so there is one for each name.
        if name == httpProtocol {
            SSL_CTX_set_alpn_select_cb(
                context,
                { _, chosen, count, offered, offeredCount, _ in
                    TLSContext.select(TLSContext.httpProtocol, chosen, count, offered, offeredCount)
                }, nil)
        } else {
            SSL_CTX_set_alpn_select_cb(
                context,
                { _, chosen, count, offered, offeredCount, _ in
                    TLSContext.select(TLSContext.peerProtocol, chosen, count, offered, offeredCount)
                }, nil)
        }
    }

    /// The chosen name must outlive the call: it points into the client's own list.
    private static func select(
        _ wanted: [UInt8], _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32
    ) -> Int32 {
        guard let offered, let chosen, let count else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        let list = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
        var place = 0
        while place < list.count {
            let end = place + 1 + Int(list[place])
            guard end <= list.count else { break }
            if list[place..<end].elementsEqual(wanted) {
                chosen.pointee = offered + place + 1
                count.pointee = list[place]
                return SSL_TLSEXT_ERR_OK
            }
            place = end
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    /// A sentence, and OpenSSL's own word for it, if it has one.
    private static func problem(_ sentence: String) -> TLSFileProblem {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return TLSFileProblem(sentence) }
        return TLSFileProblem("\(sentence) (\(String(cString: text)))")
    }
}
