// Random streams: what was sent comes out, however it was cut; and garbage never does more than fail.
//
// Each case is drawn from the seed in the test, so a failure repeats.
import Testing
import WebSocket

@Suite struct FrameStreamTests {
    /// A random conversation: the bytes and what they say.
    private func conversation(_ dice: inout SeededDice, role: WebSocketRole) -> (bytes: [UInt8], events: [WebSocketEvent]) {
        var bytes: [UInt8] = []
        var events: [WebSocketEvent] = []
        func mask(_ dice: inout SeededDice) -> UInt32? { role == .server ? UInt32(truncatingIfNeeded: dice.next()) : nil }
        func control(_ dice: inout SeededDice) {
            let payload = dice.bytes(dice.below(126))
            if dice.chance(50) {
                FrameEncoder.appendPing(payload, mask: mask(&dice), to: &bytes)
                events.append(.ping(payload))
            } else {
                FrameEncoder.appendPong(payload, mask: mask(&dice), to: &bytes)
                events.append(.pong(payload))
            }
        }
        for _ in 0..<1 + dice.below(6) {
            if dice.chance(25) { control(&dice) }
            let isText = dice.chance(50)
            let size = dice.chance(10) ? dice.below(70_000) : dice.below(300)
            let payload = isText ? text(size, &dice) : dice.bytes(size)
            let count = dice.chance(40) ? 2 + dice.below(5) : 1
            var start = 0
            for fragment in 0..<count {
                let end = fragment == count - 1 ? payload.count : start + dice.below(payload.count - start + 1)
                FrameEncoder.appendFrame(
                    fragment > 0 ? .continuation : isText ? .text : .binary, isFinal: fragment == count - 1,
                    payload: payload[start..<end], mask: mask(&dice), to: &bytes)
                start = end
                if fragment < count - 1, dice.chance(20) { control(&dice) }
            }
            events.append(isText ? .text(payload) : .binary(payload))
        }
        if dice.chance(20) {
            FrameEncoder.appendClose(.goingAway, mask: mask(&dice), to: &bytes)
            events.append(.close(code: 1001, reason: Array("going_away".utf8)))
        }
        return (bytes, events)
    }

    private func text(_ count: Int, _ dice: inout SeededDice) -> [UInt8] {
        let alphabet = ["a", "b", " ", "é", "€", "😀", "plain ascii run "]
        var out: [UInt8] = []
        while out.count < count { out.append(contentsOf: alphabet[dice.below(alphabet.count)].utf8) }
        return out
    }

    @Test(arguments: [WebSocketRole.server, .client])
    func whatWasSentComesOutInEveryCut(role: WebSocketRole) {
        var dice = SeededDice(seed: role == .server ? 1 : 2)
        for round in 0..<150 {
            let (bytes, events) = conversation(&dice, role: role)
            #expect(decode([bytes[...]], role: role) == events, "round \(round), whole")
            #expect(decode(singleBytes(bytes), role: role) == events, "round \(round), byte by byte")
            #expect(decode(randomCuts(bytes, &dice), role: role) == events, "round \(round), random cuts")
        }
    }

    @Test func aDamagedStreamGivesOneAnswerInEveryCut() {
        var dice = SeededDice(seed: 3)
        var failuresCount = 0
        for round in 0..<400 {
            var (bytes, _) = conversation(&dice, role: .server)
            if bytes.count > 5000 { bytes.removeLast(bytes.count - 5000) }
            for _ in 0..<1 + dice.below(3) { bytes[dice.below(min(bytes.count, 400))] = UInt8(truncatingIfNeeded: dice.next()) }
            let whole = decode([bytes[...]], role: .server)
            #expect(whole == decode(singleBytes(bytes), role: .server), "round \(round)")
            #expect(whole == decode(randomCuts(bytes, &dice), role: .server), "round \(round)")
            if case .failure = whole.last { failuresCount += 1 }
        }
        #expect(failuresCount > 100)
    }

    @Test func garbageNeverDoesMoreThanFail() {
        var dice = SeededDice(seed: 4)
        let limits = WebSocketLimits(messageBytesMax: 200, fragmentsCountMax: 3)
        // First bytes that get past the first rules, so that garbage reaches the later ones.
        let openings: [UInt8] = [0x81, 0x82, 0x01, 0x02, 0x80, 0x00, 0x88, 0x89, 0x8A]
        var eventsCount = 0
        for round in 0..<20_000 {
            let role: WebSocketRole = round % 2 == 0 ? .server : .client
            var bytes = dice.bytes(dice.below(64))
            if !bytes.isEmpty, dice.chance(80) { bytes[0] = openings[dice.below(openings.count)] }
            if bytes.count > 1, dice.chance(80) { bytes[1] = UInt8(dice.below(24)) | (role == .server ? 0x80 : 0) }
            var decoder = FrameDecoder(role: role, limits: limits)
            var events: [WebSocketEvent] = []
            for piece in randomCuts(bytes, &dice) {
                decoder.receive(piece, into: &events)
                #expect(decoder.bufferedBytesCount <= 200 + 125)
            }
            #expect(events == decode(singleBytes(bytes), role: role, limits: limits), "round \(round)")
            let ends = events.filter { if case .failure = $0 { true } else if case .close = $0 { true } else { false } }
            #expect(ends.count <= 1)
            #expect(decoder.isFinished == !ends.isEmpty)
            if let end = ends.first { #expect(events.last == end) }
            eventsCount += events.count - ends.count
        }
        #expect(eventsCount > 1000, "some garbage must be good frames, or this test looks at nothing")
    }
}
