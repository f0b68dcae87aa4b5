import FantailCLI
import Primitives
import Testing

@Suite struct ArgumentsTests {
    let options = [OptionSpec("as", "USER", "who"), OptionSpec("count", "N", "how many"), OptionSpec("plain", nil, "flag")]

    @Test func valuesStandBehindTheirOptionOrAnEqualsSign() throws {
        let arguments = try Arguments(["--as", "ana", "--count=3", "--plain", "hello"], options: options)
        #expect(arguments.value("as") == "ana")
        #expect(arguments.value("count") == "3")
        #expect(arguments.has("plain"))
        #expect(arguments.operands == ["hello"])
    }

    @Test func valuesMayBeginWithDashesOrHoldEqualsSigns() throws {
        #expect(try Arguments(["--as", "-x"], options: options).value("as") == "-x")
        #expect(try Arguments(["--as=a=b"], options: options).value("as") == "a=b")
    }

    @Test func twoDashesEndTheOptionsAndOneDashIsAnOperand() throws {
        #expect(try Arguments(["-", "--", "--as", "-"], options: options).operands == ["-", "--as", "-"])
    }

    @Test(arguments: [
        (["--nobody"], "there is no option --nobody; try --help"),
        (["--a"], "there is no option --a; did you mean --as?"),
        (["-as"], "there is no option -as; did you mean --as?"),
        (["--as"], "--as needs a value: --as USER"),
        (["--plain=yes"], "--plain takes no value"),
        (["--plain", "--plain"], "--plain is given twice"),
    ])
    func wrongWordsAreRefusedWithTheRemedy(words: [String], sentence: String) {
        #expect(failure { () throws(CommandFailure) in _ = try Arguments(words, options: options) } == .usage(sentence))
    }

    @Test func numbersHaveBounds() throws {
        let arguments = try Arguments(["--count", "7"], options: options)
        #expect(try arguments.number("count", 1...7) == 7)
        #expect(failure { () throws(CommandFailure) in _ = try arguments.number("count", 1...6) } == .usage("--count must be a number from 1 to 6"))
        #expect(try Arguments([], options: options).number("count", 1...6) == nil)
    }

    @Test func theHelpPageNamesEveryOption() {
        let spec = CommandSpec("send", "Send", synopsis: "--as USER", options: options, notes: ["A note."])
        for word in ["Usage: fantail send --as USER", "--as USER", "--plain", "--home DIR", "--cluster FILE", "--help", "A note."] {
            #expect(spec.page.contains(word))
        }
        #expect(CommandSpec.overview([spec]).contains("  send  Send\n"))
    }
}

@Suite struct WordsTests {
    @Test(arguments: [("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000), ("3650d", 315_360_000)])
    func spansHaveAUnit(text: String, seconds: Int64) { #expect(TimeSpan.seconds(text) == seconds) }

    @Test(arguments: ["", "h", "0s", "-1h", "+1h", "24", "1.5h", "3651d", "99999999999999999999s", "1w"])
    func otherSpansAreRefused(text: String) { #expect(TimeSpan.seconds(text) == nil) }

    @Test(arguments: [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_700, "1 h 1 min"), (180_000, "2 d 2 h")])
    func spansAreTold(seconds: Int64, text: String) { #expect(TimeSpan.text(seconds: seconds) == text) }

    @Test func clockTimesFollowTheZone() {
        #expect(utc.time(at(0)) == "20:31")
        #expect(ClockText(offsetSeconds: 5 * 3_600 + 1_800).time(at(0)) == "02:01")
        #expect(ClockText(offsetSeconds: -21 * 3_600).time(at(0)) == "23:31")
        #expect(utc.date(day: utc.day(at(0))) == "Mon 23 November 2026")
        #expect(utc.preciseTime(Stamp(microseconds: at(7).microseconds + 42)) == "20:31:07.000042")
    }

    @Test(arguments: [(0, "Thu 1 January 1970"), (11_016, "Tue 29 February 2000"), (19_782, "Thu 29 February 2024"), (-1, "Wed 31 December 1969")])
    func datesFollowTheCalendar(day: Int64, text: String) { #expect(utc.date(day: day) == text) }

    @Test func messageNamesHold128Bits() {
        #expect(MessageNames.name(randomBits: 0).text == "0000000000000000000000")
        #expect(MessageNames.name(randomBits: 61).text == "z000000000000000000000")
        #expect(MessageNames.name(randomBits: .max).text.utf8.count == 22)
        #expect(MessageNames.name(randomBits: .max) != MessageNames.name(randomBits: .max - 1))
        #expect(MessageNames.name(randomBits: 1 << 127) != MessageNames.name(randomBits: 0))
    }
}
