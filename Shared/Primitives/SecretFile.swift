// Who may read a file that holds a secret: one rule for the cluster's secret, the keys of tokens, those of an object store and of TLS.

public enum SecretFile {
    /// Whether a file with these permissions keeps its secret.
    ///
    /// Nobody else may read it or change it. One exception: what is mounted into a container belongs to the system there, and its
    /// group is how this process is let in (0440, `fsGroup` of Kubernetes). So a file of another owner may be read by its group.
    /// - Parameters:
    ///   - mode: permission bits.
    ///   - isOurs: this process runs as the file's owner.
    public static func isKept(mode: UInt32, isOurs: Bool) -> Bool { mode & 0o077 & (isOurs ? ~0 : ~0o040) == 0 }

    /// The sentence about one that does not keep it: what, and what to type.
    /// - Parameter what: begins it, and ends with the path: "the key file /d/secrets/tokens.keys".
    public static func refusal(_ what: String, path: String, isOurs: Bool) -> String {
        "\(what) may be read by others than its owner; type: chmod \(isOurs ? "600" : "440") \(path)"
    }
}
