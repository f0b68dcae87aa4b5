// Text with looks, and how looks become escape sequences. Nothing else in the tool writes one for a colour.

/// A look. Colours are the sixteen that every terminal lets its owner choose.
public enum Style: Equatable, Sendable {
    case plain, dim, bold, blue, green, yellow, red, reverse

    /// SGR parameters. Source: ECMA-48, section 8.3.117.
    func parameters(colour: Bool) -> String? {
        switch self {
        case .plain: nil
        case .dim: "2"
        case .bold: "1"
        case .reverse: "7"
        case .blue: colour ? "94" : nil
        case .green: colour ? "32" : nil
        case .yellow: colour ? "33" : nil
        case .red: colour ? "31" : nil
        }
    }
}

/// A piece of a row.
public struct Span: Equatable, Sendable {
    public var text: String
    public var style: Style

    /// - Parameter text: printable, without line breaks; see `Printable`.
    public init(_ text: String, _ style: Style = .plain) {
        self.text = text
        self.style = style
    }
}

/// A row of the screen, or a line of a report.
public struct Row: Equatable, Sendable {
    public var spans: [Span]

    public init(_ spans: Span...) { self.spans = spans }
    public init(spans: [Span]) { self.spans = spans }

    public var text: String { spans.map(\.text).joined() }
    public var columns: Int { spans.reduce(0) { $0 + DisplayWidth.columns($1.text) } }

    /// - Parameters:
    ///   - colour: false keeps bold and dim but no colours.
    ///   - styled: false gives the bare text, for files and pipes.
    public func rendered(colour: Bool, styled: Bool = true) -> String {
        guard styled else { return text }
        return spans.map { span in
            guard let parameters = span.style.parameters(colour: colour) else { return span.text }
            return "\u{1B}[\(parameters)m\(span.text)\u{1B}[0m"
        }.joined()
    }
}
