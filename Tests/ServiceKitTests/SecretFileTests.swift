// Who may read a secret.

import ServiceKit
import Testing

@Suite struct SecretFileTests {
    @Test(arguments: [0o600, 0o400, 0o700])
    func aSecretOfItsOwnerIsKept(mode: UInt32) {
        #expect(Secret.isKept(mode: mode, isOurs: true))
        #expect(Secret.isKept(mode: mode, isOurs: false))
    }

    @Test(arguments: [0o604, 0o444, 0o644, 0o602, 0o601, 0o620, 0o660, 0o610])
    func whatOthersMayReadOrChangeIsNot(mode: UInt32) {
        #expect(!Secret.isKept(mode: mode, isOurs: true))
        #expect(!Secret.isKept(mode: mode, isOurs: false))
    }

    @Test func theGroupLetsInWhoeverIsNotTheOwner() {
        #expect(Secret.isKept(mode: 0o440, isOurs: false))
        #expect(!Secret.isKept(mode: 0o440, isOurs: true))
    }
}
