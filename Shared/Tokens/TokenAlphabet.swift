// The characters that names in tokens may use.
//
// User ids, device names and key ids end up in log lines, metric labels, JSON and URLs. An alphabet that needs escaping in
// none of them saves us from getting the escaping wrong in one of them.

/// Checks of the names that tokens and key files carry.
public enum TokenAlphabet {
    /// Whether `name` can be a user id: 1...64 bytes of `A-Z a-z 0-9 . _ @ + : -`.
    public static func isUser(_ name: String) -> Bool {
        isName(name, bytesMax: TokenLimits.userBytesMax)
    }

    /// Whether `name` can be a device: 1...32 bytes of the same alphabet.
    public static func isDevice(_ name: String) -> Bool {
        isName(name, bytesMax: TokenLimits.deviceBytesMax)
    }

    /// Whether `name` can be a key id: 1...64 bytes of `A-Z a-z 0-9 . _ -`.
    public static func isKid(_ name: String) -> Bool {
        guard 1...TokenLimits.kidBytesMax ~= name.utf8.count else { return false }
        return name.utf8.allSatisfy(isKidByte)
    }

    private static func isName(_ name: String, bytesMax: Int) -> Bool {
        guard 1...bytesMax ~= name.utf8.count else { return false }
        return name.utf8.allSatisfy { byte in
            isKidByte(byte) || byte == UInt8(ascii: "@") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ":")
        }
    }

    private static func isKidByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }
}
