// A line chart as SVG: plain shapes and text, no script, readable on light and dark paper.
//
// Colours are classes whose values follow the reader's scheme; series are told apart by a dash as well as by colour, the first three by it alone, and each
// is named at its end.

public struct Chart: Equatable, Sendable {
    public struct Series: Equatable, Sendable {
        public var name: String
        public var points: [Point]
        public init(_ name: String, _ points: [Point]) {
            self.name = name
            self.points = points
        }
    }

    public struct Point: Equatable, Sendable {
        public var x: Double
        public var y: Double
        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// A mark on an axis.
    public struct Tick: Equatable, Sendable {
        public var at: Double
        public var label: String
        public init(_ at: Double, _ label: String) {
            self.at = at
            self.label = label
        }
    }

    public var title: String
    public var xTitle: String
    public var series: [Series]
    /// In the places that the points name; from the first to the last is the width of the chart.
    public var xTicks: [Tick]
    /// The y axis counts in powers of ten: what is shown must be above zero.
    public var isLogarithmic: Bool
    /// A stretch of x that is set off, the measured interval for instance.
    public var band: ClosedRange<Double>?

    public init(
        title: String, xTitle: String, series: [Series], xTicks: [Tick], isLogarithmic: Bool, band: ClosedRange<Double>? = nil
    ) {
        self.title = title
        self.xTitle = xTitle
        self.series = series
        self.xTicks = xTicks
        self.isLogarithmic = isLogarithmic
        self.band = band
    }

    /// All sizes in user units of the drawing.
    enum Size {
        static let width = 720.0
        static let height = 300.0
        static let left = 70.0
        static let right = 150.0
        static let top = 44.0
        static let bottom = 52.0
        /// Names of series at their ends keep this distance.
        static let line = 16.0
    }

    /// The chart as elements, its upper edge at `top`. Empty when there is nothing to draw.
    func elements(top: Double) -> String {
        guard let first = xTicks.first, let last = xTicks.last, last.at > first.at, series.contains(where: { !$0.points.isEmpty })
        else { return "" }
        let values = series.flatMap { $0.points.map(\.y) }
        let yTicks = isLogarithmic ? Self.logarithmic(values) : Self.linear(values)
        let plotWidth = Size.width - Size.left - Size.right
        let plotHeight = Size.height - Size.top - Size.bottom
        func x(_ value: Double) -> Double { Size.left + (value - first.at) / (last.at - first.at) * plotWidth }
        func y(_ value: Double) -> Double {
            let place = isLogarithmic ? Self.log10(max(value, yTicks[0].at)) : value
            let low = isLogarithmic ? Self.log10(yTicks[0].at) : yTicks[0].at
            let high = isLogarithmic ? Self.log10(yTicks[yTicks.count - 1].at) : yTicks[yTicks.count - 1].at
            return top + Size.top + plotHeight - (place - low) / (high - low) * plotHeight
        }
        let floor = top + Size.top + plotHeight
        var out = Self.text(title, x: Size.left, y: top + 24, kind: "title")
        if let band {
            let from = x(max(band.lowerBound, first.at))
            let to = x(min(band.upperBound, last.at))
            out += "<rect class=\"band\" x=\"\(Self.n(from))\" y=\"\(Self.n(top + Size.top))\" width=\"\(Self.n(max(0, to - from)))\" height=\"\(Self.n(plotHeight))\"/>\n"
        }
        for tick in yTicks {
            out += Self.line(Size.left, y(tick.at), Size.width - Size.right, y(tick.at), kind: "grid")
            out += Self.text(tick.label, x: Size.left - 8, y: y(tick.at) + 4, kind: "label end")
        }
        for tick in xTicks {
            out += Self.line(x(tick.at), floor, x(tick.at), floor + 5, kind: "axis")
            out += Self.text(tick.label, x: x(tick.at), y: floor + 20, kind: "label middle")
        }
        out += Self.line(Size.left, floor, Size.width - Size.right, floor, kind: "axis")
        out += Self.text(xTitle, x: Size.left + plotWidth / 2, y: floor + 40, kind: "label middle")
        // Names stand at the ends of their lines, pushed apart where they would overlap.
        var ends: [(index: Int, y: Double)] = []
        for (index, one) in series.enumerated() where !one.points.isEmpty {
            let places = one.points.map { "\(Self.n(x($0.x))),\(Self.n(y($0.y)))" }.joined(separator: " ")
            out += "<polyline class=\"series s\(index % Self.looks.count)\" points=\"\(places)\"/>\n"
            ends.append((index, y(one.points[one.points.count - 1].y)))
        }
        ends.sort { $0.y < $1.y }
        for place in ends.indices.dropFirst() { ends[place].y = max(ends[place].y, ends[place - 1].y + Size.line) }
        // What came below the floor goes back up, and moves only those that are in its way.
        var lowest = floor
        for place in ends.indices.reversed() {
            ends[place].y = min(ends[place].y, lowest)
            lowest = ends[place].y - Size.line
        }
        for end in ends {
            out += Self.text(
                series[end.index].name, x: Size.width - Size.right + 8, y: end.y + 4, kind: "name t\(end.index % Self.looks.count)")
        }
        return out
    }

    /// Colour on light and on dark paper, and the dash of each series.
    private static let looks = [
        (light: "#0b62b8", dark: "#6cb4ff", dash: "none"), (light: "#b34700", dark: "#ffab66", dash: "7 4"),
        (light: "#0a7a3d", dark: "#63d297", dash: "2 3"), (light: "#8a2be2", dark: "#c79bff", dash: "none"),
        (light: "#a3195b", dark: "#ff8ec0", dash: "7 4"), (light: "#00707a", dark: "#58d0dc", dash: "2 3"),
        (light: "#7a5c00", dark: "#e0c050", dash: "none"), (light: "#5c5c5c", dark: "#a8a8a8", dash: "7 4"),
        (light: "#4a5fc1", dark: "#9fb0ff", dash: "2 3"),
    ]

    /// A whole drawing: charts below each other.
    public static func document(_ heading: String, _ charts: [Chart]) -> String {
        let drawn = charts.map { $0.elements(top: 0) }.filter { !$0.isEmpty }.count
        let height = 44 + Double(drawn) * Size.height
        var out =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(n(Size.width)) \(n(height))\" width=\"\(n(Size.width))\" height=\"\(n(height))\" role=\"img\" aria-label=\"\(escaped(heading))\">\n<style>\n"
        out += style(dark: false) + "@media (prefers-color-scheme: dark) {\n" + style(dark: true) + "}\n</style>\n"
        out += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
        out += text(heading, x: 20, y: 30, kind: "heading")
        var top = 40.0
        for chart in charts {
            let elements = chart.elements(top: top)
            guard !elements.isEmpty else { continue }
            out += elements
            top += Size.height
        }
        return out + "</svg>\n"
    }

    private static func style(dark: Bool) -> String {
        let ink = dark ? "#e6e6e6" : "#1c1c1c"
        let soft = dark ? "#a8a8a8" : "#5c5c5c"
        var out = ".paper{fill:\(dark ? "#16181c" : "#ffffff")}\n"
        out += "text{font:12px system-ui,sans-serif;fill:\(ink)}.heading{font-size:15px;font-weight:600}.title{font-weight:600}\n"
        out += ".label{fill:\(soft)}.end{text-anchor:end}.middle{text-anchor:middle}\n"
        out += ".grid{stroke:\(dark ? "#33373d" : "#e2e2e2")}.axis{stroke:\(soft)}.band{fill:\(dark ? "#22262d" : "#f3f6fa")}\n"
        out += ".series{fill:none;stroke-width:2;stroke-linejoin:round}\n"
        for (index, look) in looks.enumerated() {
            let colour = dark ? look.dark : look.light
            out += ".s\(index){stroke:\(colour);stroke-dasharray:\(look.dash)}.t\(index){fill:\(colour)}\n"
        }
        return out
    }

    // MARK: Axes

    /// Round steps from zero to above the largest value; about five.
    static func linear(_ values: [Double]) -> [Tick] {
        let most = max(values.max() ?? 0, 1)
        var step = 1.0
        while most / step > 50 { step *= 10 }
        for factor in [1.0, 2, 5, 10] where most / (step * factor) <= 5 {
            step *= factor
            break
        }
        let count = Int((most / step).rounded(.up))
        return (0...count).map { Tick(Double($0) * step, Words.fixed(Double($0) * step, places: 0)) }
    }

    /// Powers of ten around the values; at least one step.
    static func logarithmic(_ values: [Double]) -> [Tick] {
        let shown = values.filter { $0 > 0 }
        var low = 1.0
        while low > (shown.min() ?? 1) { low /= 10 }
        while low * 10 <= (shown.min() ?? 1) { low *= 10 }
        var ticks = [Tick(low, Words.fixed(low, places: 3, keepsZeros: false))]
        repeat {
            let next = ticks[ticks.count - 1].at * 10
            ticks.append(Tick(next, Words.fixed(next, places: 3, keepsZeros: false)))
        } while ticks[ticks.count - 1].at < (shown.max() ?? 1)
        return ticks
    }

    /// The decimal logarithm, good to the width of a pixel; pure code has no libm.
    static func log10(_ value: Double) -> Double {
        guard value > 0 else { return 0 }
        // value = significand * 2^exponent; log2 of the significand (1..<2) by its series around 1.5: error below 1e-7.
        let t = (value.significand - 1.5) / (value.significand + 1.5)
        let t2 = t * t
        let natural = 2 * t * (1 + t2 / 3 + t2 * t2 / 5 + t2 * t2 * t2 / 7)
        let log2 = Double(value.exponent) + 0.584_962_500_721_156 + natural * 1.442_695_040_888_963
        return log2 * 0.301_029_995_663_981
    }

    // MARK: Elements

    private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, kind: String) -> String {
        "<line class=\"\(kind)\" x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\"/>\n"
    }

    private static func text(_ text: String, x: Double, y: Double, kind: String) -> String {
        "<text class=\"\(kind)\" x=\"\(n(x))\" y=\"\(n(y))\">\(escaped(text))</text>\n"
    }

    private static func n(_ value: Double) -> String { Words.fixed(value, places: 1, isGrouped: false, keepsZeros: false) }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "&": out += "&amp;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }
}
