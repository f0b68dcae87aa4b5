// The release, in one place.

/// The release of the whole suite; all its executables carry the same one.
public enum FantailVersion {
    public static let text = "0.1.0"
}
