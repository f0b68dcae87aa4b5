// Files of certificates that are no good, and the sentence about each.

import Foundation
import Primitives
import Testing
import TLS

@Suite struct FilesTests {
    /// The sentence, or nothing when the files are good.
    private func problem(_ files: TLSFiles, now: Stamp = today) -> String? {
        do throws(TLSFileProblem) {
            _ = files.authority == nil ? try TLSContext(serving: files, now: now) : try TLSContext(peers: files, now: now)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func goodFilesAreGood() throws {
        let folder = try PaperFolder()
        #expect(problem(try folder.server()) == nil)
        #expect(problem(try folder.peer("gateway-1", Papers.gateway, Papers.gatewayKey)) == nil)
        #expect(try TLSContext(serving: folder.server(), now: today).expirySeconds == 4_922_899_200)
    }

    @Test func aMissingFileIsNamed() throws {
        let folder = try PaperFolder()
        let files = TLSFiles(certificate: "\(folder.path)/none.crt", key: "\(folder.path)/none.key")
        #expect(problem(files) == "cannot read the certificate \(folder.path)/none.crt: No such file or directory")
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o660])
    func aKeyThatOthersMayReadIsRefused(mode: Int) throws {
        let folder = try PaperFolder()
        let files = TLSFiles(certificate: try folder.file("a.crt", Papers.server), key: try folder.file("a.key", Papers.serverKey, mode: mode))
        #expect(problem(files)?.contains("chmod 600 \(folder.path)/a.key") == true)
    }

    @Test(.enabled(if: geteuid() == 0, "NOT TESTED: a key of another owner; run as root"), arguments: [0o440, 0o400, 0o444, 0o460])
    func aKeyThatIsMountedForOurGroupIsTaken(mode: Int) throws {
        let folder = try PaperFolder()
        let key = try folder.file("a.key", Papers.serverKey, mode: mode)
        try FileManager.default.setAttributes([.ownerAccountID: 10_001, .groupOwnerAccountID: 10_001], ofItemAtPath: key)
        let problem = problem(TLSFiles(certificate: try folder.file("a.crt", Papers.server), key: key))
        if mode & 0o037 == 0 { #expect(problem == nil) } else { #expect(problem?.contains("chmod 440 \(key)") == true) }
    }

    @Test func theKeyOfAnotherCertificateIsRefused() throws {
        let folder = try PaperFolder()
        let files = TLSFiles(certificate: try folder.file("a.crt", Papers.server), key: try folder.file("a.key", Papers.gatewayKey))
        #expect(problem(files)?.contains("is not that of the certificate") == true)
    }

    @Test(arguments: ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    func whatIsNoCertificateIsRefused(text: String) throws {
        let folder = try PaperFolder()
        let key = try folder.file("a.key", Papers.serverKey)
        #expect(problem(TLSFiles(certificate: try folder.file("a.crt", text), key: key))?.contains("holds no certificate") == true)
        let certificate = try folder.file("b.crt", Papers.server)
        #expect(problem(TLSFiles(certificate: certificate, key: try folder.file("b.key", text)))?.contains("holds no key") == true)
    }

    @Test func aCertificateHasItsTime() throws {
        let folder = try PaperFolder()
        let files = try folder.server()
        #expect(problem(files, now: Stamp(microseconds: 1_000_000_000 * 1_000_000))?.contains("not valid yet") == true)
        #expect(problem(files, now: Stamp(microseconds: 4_922_899_201 * 1_000_000))?.contains("is over") == true)
    }

    @Test func aNodesCertificateMustNameIt() throws {
        let folder = try PaperFolder()
        #expect(problem(try folder.peer("session-1", Papers.gateway, Papers.gatewayKey))?.contains("does not name session-1") == true)
    }

    @Test func aNodesCertificateMustBeTheAuthoritys() throws {
        let folder = try PaperFolder()
        #expect(problem(try folder.peer("gateway-1", Papers.foreign, Papers.foreignKey))?.contains("is none of the authority") == true)
    }

    @Test func aChangeOfAFileIsSeen() throws {
        let folder = try PaperFolder()
        let files = try folder.server()
        let before = files.look()
        #expect(files.look() == before)
        _ = try folder.file("tls.crt", Papers.gateway)
        #expect(files.look() != before)
        let changed = files.look()
        try FileManager.default.removeItem(atPath: files.key)
        #expect(files.look() != changed)
    }
}
