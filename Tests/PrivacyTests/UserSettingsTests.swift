// Who sees whom, and how settings change.

import Primitives
import Privacy
import Testing

private let ana = UserID("ana")!
private let bob = UserID("bob")!
private let cem = UserID("cem")!

@Suite struct UserSettingsTests {
    /// Two see each other only when each lets the other.
    private func see(_ a: UserSettings, _ b: UserSettings) -> Bool { a.lets(bob) && b.lets(ana) }

    @Test func whoNeverSetAnythingLetsEverybodyAndReadsReceipts() {
        let plain = UserSettings()
        #expect(plain.isPlain)
        #expect(plain.lets(bob))
        #expect(!plain.blocks(bob))
        #expect(plain.readReceipts)
    }

    @Test func whoHidesSeesNobodyUnlessOneIsAnException() {
        #expect(see(UserSettings(), UserSettings()))
        #expect(!see(UserSettings(lastSeen: .nobody), UserSettings()))
        #expect(!see(UserSettings(), UserSettings(lastSeen: .nobody)))
        #expect(see(UserSettings(lastSeen: .nobody, exceptions: [bob]), UserSettings()))
        #expect(!see(UserSettings(lastSeen: .nobody, exceptions: [bob]), UserSettings(lastSeen: .nobody)))
        #expect(see(UserSettings(lastSeen: .nobody, exceptions: [bob]), UserSettings(lastSeen: .nobody, exceptions: [ana])))
        #expect(!see(UserSettings(exceptions: [bob]), UserSettings()))
        #expect(see(UserSettings(exceptions: [cem]), UserSettings()))
    }

    @Test func aBlockHidesBothWaysWhateverElseIsSet() {
        #expect(!see(UserSettings(blocked: [bob]), UserSettings()))
        #expect(!see(UserSettings(), UserSettings(blocked: [ana])))
        #expect(!see(UserSettings(lastSeen: .nobody, exceptions: [bob], blocked: [bob]), UserSettings()))
    }

    @Test func absentFieldsStayAndEveryChangeCounts() {
        var settings = UserSettings()
        #expect(settings.apply(.question) == .same)
        #expect(settings.apply(.set(lastSeen: .nobody, exceptions: nil, readReceipts: nil)) == .changed)
        #expect(settings.apply(.set(lastSeen: nil, exceptions: [cem, bob, cem], readReceipts: nil)) == .changed)
        #expect(settings.apply(.set(lastSeen: nil, exceptions: nil, readReceipts: false)) == .changed)
        #expect(settings == UserSettings(lastSeen: .nobody, exceptions: [bob, cem], readReceipts: false, revision: 3))
        #expect(settings.apply(.set(lastSeen: .nobody, exceptions: [bob, cem], readReceipts: false)) == .same)
        #expect(settings.revision == 3)
    }

    @Test func blocksAreASet() {
        var settings = UserSettings()
        #expect(settings.apply(.block(cem)) == .changed)
        #expect(settings.apply(.block(bob)) == .changed)
        #expect(settings.apply(.block(bob)) == .same)
        #expect(settings.blocked == [bob, cem])
        #expect(settings.apply(.unblock(ana)) == .same)
        #expect(settings.apply(.unblock(bob)) == .changed)
        #expect(settings == UserSettings(blocked: [cem], revision: 3))
    }

    @Test func theListOfBlockedUsersHasItsBound() {
        var settings = UserSettings()
        for i in 0..<PrivacyLimits.blockCountMax { #expect(settings.apply(.block(UserID("u\(i)")!)) == .changed) }
        let full = settings
        #expect(settings.apply(.block(ana)) == .tooManyBlocks)
        #expect(settings.apply(.block(UserID("u7")!)) == .same)
        #expect(settings == full)
        for i in 0..<PrivacyLimits.blockCountMax { #expect(settings.blocks(UserID("u\(i)")!)) }
        #expect(!settings.blocks(ana))
    }

    @Test func itsBytesComeBackAndListsOutOfOrderAreRefused() throws {
        let settings = UserSettings(
            lastSeen: .nobody, exceptions: [ana, bob], readReceipts: false, blocked: [bob, cem], revision: 300)
        var writer = ByteWriter()
        settings.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try UserSettings(from: &reader) == settings)
        #expect(reader.isAtEnd)
        for wrong in [UserSettings(exceptions: [bob, ana]), UserSettings(blocked: [bob, bob])] {
            var writer = ByteWriter()
            wrong.encode(into: &writer)
            #expect(throws: DecodeError.badValue(field: "order of users")) {
                var reader = ByteReader(writer.bytes)
                _ = try UserSettings(from: &reader)
            }
        }
    }
}
