// A stand-in name for what follows.

public enum RunChart {
    public static func svg(_ report: Report) -> String { "" }
}
