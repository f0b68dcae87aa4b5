// The line that shows that a run is alive.

public enum ProgressLine {
    public static func text(_ point: SecondPoint, roster: Roster, open: Int) -> String {
        var line = "\(Words.fixed(point.at, places: 0)) s  \(point.phase.rawValue)  \(roster.liveCount)/\(roster.memberCount) connected"
        if point.rate > 0 || open > 0 { line += "  \(Words.fixed(point.rate, places: 0)) a second  \(open) open" }
        if let p50 = point.p50Us, let p99 = point.p99Us {
            line += "  p50 \(Words.milliseconds(p50)) ms, p99 \(Words.milliseconds(p99)) ms"
        }
        return line
    }
}
