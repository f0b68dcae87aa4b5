// Files of certificates and keys, and what can be wrong with them: every sentence names the file and what to do.

import COpenSSL
import Glibc
import Primitives

/// Where a certificate and its key are, in PEM.
public struct TLSFiles: Equatable, Sendable {
    /// Our own certificate, and behind it those between it and the authority's.
    public let certificate: String
    /// Its key; the file must keep its secret (`SecretFile.isKept`).
    public let key: String
    /// Whom we believe; nil: nobody is asked for a certificate.
    public let authority: String?
    /// Who we are: the certificate must name it; nil: whatever it names.
    public let name: String?

    public init(certificate: String, key: String, authority: String? = nil, name: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
        self.name = name
    }

    /// What a change of the files changes: numbers of the files, their sizes and times.
    public struct Look: Equatable, Sendable {
        fileprivate var words: [UInt64] = []
    }

    /// How the files lie there now. A file that is missing is a look of its own.
    public func look() -> Look {
        var look = Look()
        for path in [certificate, key, authority].compactMap({ $0 }) {
            var status = stat()
            guard stat(path, &status) == 0 else {
                look.words.append(0)
                continue
            }
            look.words += [
                UInt64(status.st_ino), UInt64(truncatingIfNeeded: status.st_size), UInt64(truncatingIfNeeded: status.st_mtim.tv_sec),
                UInt64(truncatingIfNeeded: status.st_mtim.tv_nsec), UInt64(status.st_mode),
            ]
        }
        return look
    }

    /// Each must be there, and of a size that makes sense; the key must keep its secret.
    func check() throws(TLSFileProblem) {
        for (what, path) in [("certificate", certificate), ("key", key), ("certificate of the authority", authority ?? certificate)] {
            var status = stat()
            guard stat(path, &status) == 0 else {
                throw TLSFileProblem("cannot read the \(what) \(path): \(String(cString: strerror(errno)))")
            }
            guard status.st_size <= TLSLimits.fileBytesMax else {
                throw TLSFileProblem("the \(what) \(path) is larger than \(TLSLimits.fileBytesMax) bytes")
            }
            let isOurs = status.st_uid == geteuid()
            guard path != key || SecretFile.isKept(mode: status.st_mode, isOurs: isOurs) else {
                throw TLSFileProblem(SecretFile.refusal("the key \(path)", path: path, isOurs: isOurs))
            }
        }
    }
}

/// What is wrong with a file, and what to do.
public struct TLSFileProblem: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
