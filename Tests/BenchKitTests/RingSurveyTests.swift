import BenchKit
import FantailCLI
import Ring
import Testing

@Suite("bench ring")
struct RingSurveyTests {
    @Test func threeMembersShareEvenlyAndTheOthersCarryOneThatIsAway() throws {
        let survey = try RingSurvey(memberCount: 3)
        #expect(survey.maxByMean >= 1 && survey.maxByMean <= 1.055)
        #expect(survey.minByMean <= 1 && survey.minByMean > 0.9)
        #expect(survey.standInCountMin == 2)
        // All of it is still carried: by two, so that neither has less than one and a half shares if both have the same.
        #expect(survey.maxByMeanWithoutOne >= 1.5)
        #expect(survey.movedByIdeal >= 0.9 && survey.movedByIdeal <= 1.10)
    }

    @Test func aPairIsTheSmallestRing() throws {
        let survey = try RingSurvey(memberCount: 2)
        #expect(survey.maxByMeanWithoutOne == 2)
        #expect(survey.standInCountMin == 1)
    }

    @Test func theVerdictIsBrokenByOneSizeBeyondItsBound() throws {
        var uneven = try RingSurvey(memberCount: 3)
        #expect(RingSurveyReport.verdict([.init(uneven, buildMs: 1)]).isKept)
        uneven.maxByMean = 1.056
        #expect(!RingSurveyReport.verdict([.init(uneven, buildMs: 1)]).isKept)
        var wasteful = try RingSurvey(memberCount: 3)
        wasteful.movedByIdeal = 1.2
        #expect(!RingSurveyReport.verdict([.init(wasteful, buildMs: 1)]).isKept)
    }

    @Test func theTableHasALineForEachSize() throws {
        let survey = try RingSurvey(memberCount: 3)
        let rows = RingSurveyReport.rows([.init(survey, buildMs: 1.25), .init(survey, buildMs: 2)])
        #expect(rows.count == 3)
        #expect(rows[1].rendered(colour: false, styled: false).hasPrefix("      3"))
    }
}
