// Who may read a secret.

import Primitives
import Testing

@Suite struct SecretFileTests {
    @Test(arguments: [0o600, 0o400, 0o700])
    func aSecretOfItsOwnerIsKept(mode: UInt32) {
        #expect(SecretFile.isKept(mode: mode, isOurs: true))
        #expect(SecretFile.isKept(mode: mode, isOurs: false))
    }

    @Test(arguments: [0o604, 0o444, 0o644, 0o602, 0o601, 0o620, 0o660, 0o610])
    func whatOthersMayReadOrChangeIsNot(mode: UInt32) {
        #expect(!SecretFile.isKept(mode: mode, isOurs: true))
        #expect(!SecretFile.isKept(mode: mode, isOurs: false))
    }

    @Test func theGroupLetsInWhoeverIsNotTheOwner() {
        #expect(SecretFile.isKept(mode: 0o440, isOurs: false))
        #expect(!SecretFile.isKept(mode: 0o440, isOurs: true))
    }

    @Test func theSentenceSaysWhatToType() {
        #expect(SecretFile.refusal("the key /k", path: "/k", isOurs: true) == "the key /k may be read by others than its owner; type: chmod 600 /k")
        #expect(SecretFile.refusal("the key /k", path: "/k", isOurs: false).hasSuffix("chmod 440 /k"))
    }
}
