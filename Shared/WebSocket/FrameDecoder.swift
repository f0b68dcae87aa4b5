// Bytes to messages, whatever way the network cut them.
//
// The header is read one byte at a time by a small machine: first, second, length, mask, payload. Each rule is checked at the first
// byte that can break it, so the outcome cannot depend on where the stream was cut, and no header bytes are ever kept. The payload
// moves in pieces as large as they came: copied once into the message, unmasked there in place. A message that arrives whole takes
// the short way: one allocation of its exact size, which then belongs to the event.
//
// The hard corner is memory. A hundred thousand connections are mostly silent, so a decoder between two messages owns nothing on
// the heap; and a header that announces 256 KiB reserves nothing, only bytes that have really arrived take room.

/// Turns the received stream of one connection into events.
public struct FrameDecoder: Sendable {
    /// What the next byte is.
    private enum Step: UInt8 {
        case first, second, shortLength, longLength, mask, payload
        /// A close or a failure was the last event; bytes are ignored.
        case finished
    }

    public let role: WebSocketRole
    private let messageBytesMax: Int32
    private let fragmentsCountMax: Int32

    // The frame that is being read.
    private var step = Step.first
    private var opcode = FrameOpcode.continuation
    private var isFinal = false
    /// Bytes of the extended length or of the mask that are still to come.
    private var fieldBytesLeft: UInt8 = 0
    private var maskKey: UInt32 = 0
    /// Payload bytes of this frame: its length, and how many were taken.
    private var payloadBytesCount: UInt64 = 0
    private var payloadBytesTaken = 0

    // The message that is being put together.
    /// Text or binary while a message is open, otherwise nil.
    private var messageOpcode: FrameOpcode?
    private var fragmentsCount: Int32 = 0
    private var message: [UInt8] = []
    private var validator = UTF8Validator()

    /// Payload of the current control frame, which may stand between two fragments.
    private var control: [UInt8] = []

    /// - Parameters:
    ///   - role: whose side we are on; a server takes masked frames only, a client unmasked ones only.
    ///   - limits: default 256 KiB a message in at most 64 fragments.
    public init(role: WebSocketRole, limits: WebSocketLimits = .standard) {
        self.role = role
        messageBytesMax = Int32(limits.messageBytesMax)
        fragmentsCountMax = Int32(limits.fragmentsCountMax)
    }

    /// Whether a close or a failure came out; then nothing else will.
    public var isFinished: Bool { step == .finished }

    /// Whether the stream stands between two messages; then the decoder owns no heap memory.
    public var isIdle: Bool { step == .first && messageOpcode == nil }

    /// Payload bytes held for a message or control frame that is not complete. At most `messageBytesMax` + 125.
    public var bufferedBytesCount: Int { message.count + control.count }

    /// Takes received bytes and appends what they complete.
    /// - Parameter bytes: any piece of the stream, not kept after return. Bytes after a close or failure are ignored.
    /// - Complexity: O(bytes.count). Source: RFC 6455, section 5.
    public mutating func receive(_ bytes: [UInt8], into events: inout [WebSocketEvent]) {
        receive(bytes[...], into: &events)
    }

    public mutating func receive(_ bytes: ArraySlice<UInt8>, into events: inout [WebSocketEvent]) {
        var index = bytes.startIndex
        let end = bytes.endIndex
        while index < end {
            switch step {
            case .first:
                onFirst(bytes[index], &events)
                index += 1
            case .second:
                onSecond(bytes[index], &events)
                index += 1
            case .shortLength, .longLength:
                onLength(bytes[index], &events)
                index += 1
            case .mask:
                onMask(bytes[index], &events)
                index += 1
            case .payload:
                let taken = min(end - index, Int(payloadBytesCount) - payloadBytesTaken)
                onPayload(bytes[index..<index + taken], &events)
                index += taken
            case .finished:
                return
            }
        }
    }

    // MARK: Header

    private mutating func onFirst(_ byte: UInt8, _ events: inout [WebSocketEvent]) {
        guard byte & 0x70 == 0 else { return fail(.reservedBits, &events) }
        guard let opcode = FrameOpcode(rawValue: byte & 0x0F) else { return fail(.reservedOpcode, &events) }
        isFinal = byte & 0x80 != 0
        self.opcode = opcode
        switch opcode {
        case .close, .ping, .pong:
            guard isFinal else { return fail(.fragmentedControl, &events) }
        case .continuation:
            guard messageOpcode != nil else { return fail(.unexpectedContinuation, &events) }
            guard fragmentsCount < fragmentsCountMax else { return fail(.tooManyFragments, &events) }
            fragmentsCount += 1
        case .text, .binary:
            guard messageOpcode == nil else { return fail(.expectedContinuation, &events) }
            messageOpcode = opcode
            fragmentsCount = 1
            validator = UTF8Validator()
        }
        step = .second
    }

    private mutating func onSecond(_ byte: UInt8, _ events: inout [WebSocketEvent]) {
        let isMasked = byte & 0x80 != 0
        switch role {
        case .server: guard isMasked else { return fail(.unmaskedFrame, &events) }
        case .client: guard !isMasked else { return fail(.maskedFrame, &events) }
        }
        let length = byte & 0x7F
        if opcode.isControl, length > 125 { return fail(.controlTooLong, &events) }
        payloadBytesCount = 0
        payloadBytesTaken = 0
        switch length {
        case 126: (step, fieldBytesLeft) = (.shortLength, 2)
        case 127: (step, fieldBytesLeft) = (.longLength, 8)
        default:
            payloadBytesCount = UInt64(length)
            onLengthKnown(&events)
        }
    }

    private mutating func onLength(_ byte: UInt8, _ events: inout [WebSocketEvent]) {
        payloadBytesCount = payloadBytesCount << 8 | UInt64(byte)
        fieldBytesLeft -= 1
        guard fieldBytesLeft == 0 else { return }
        if step == .longLength {
            guard payloadBytesCount >> 63 == 0 else { return fail(.lengthOutOfRange, &events) }
            guard payloadBytesCount > 0xFFFF else { return fail(.lengthNotMinimal, &events) }
        } else {
            guard payloadBytesCount > 125 else { return fail(.lengthNotMinimal, &events) }
        }
        onLengthKnown(&events)
    }

    private mutating func onLengthKnown(_ events: inout [WebSocketEvent]) {
        if !opcode.isControl {
            let room = UInt64(Int(messageBytesMax) - message.count)
            guard payloadBytesCount <= room else { return fail(.messageTooBig, &events) }
        }
        maskKey = 0
        switch role {
        case .server: (step, fieldBytesLeft) = (.mask, 4)
        case .client: onHeaderEnd(&events)
        }
    }

    private mutating func onMask(_ byte: UInt8, _ events: inout [WebSocketEvent]) {
        maskKey = maskKey << 8 | UInt32(byte)
        fieldBytesLeft -= 1
        if fieldBytesLeft == 0 { onHeaderEnd(&events) }
    }

    private mutating func onHeaderEnd(_ events: inout [WebSocketEvent]) {
        step = .payload
        if payloadBytesCount == 0 { onPayload([], &events) }
    }

    // MARK: Payload

    /// A piece of the payload, not more than the frame still lacks.
    private mutating func onPayload(_ piece: ArraySlice<UInt8>, _ events: inout [WebSocketEvent]) {
        let phase = payloadBytesTaken
        payloadBytesTaken += piece.count
        let isFrameEnd = payloadBytesTaken == Int(payloadBytesCount)
        if opcode.isControl {
            append(piece, phase: phase, to: &control)
            if isFrameEnd { onControlEnd(&events) }
            return
        }
        let start = message.count
        append(piece, phase: phase, to: &message)
        if messageOpcode == .text {
            guard validator.consume(message[start...]) else { return fail(.invalidUTF8, &events) }
        }
        guard isFrameEnd else { return }
        step = .first
        if isFinal { onMessageEnd(&events) }
    }

    private func append(_ piece: ArraySlice<UInt8>, phase: Int, to buffer: inout [UInt8]) {
        let start = buffer.count
        if start == 0 {
            // Exactly as large as what arrived; for a whole frame that is the only allocation.
            buffer = Array(piece)
        } else {
            buffer.append(contentsOf: piece)
        }
        Masking.apply(maskKey, phase: phase, to: &buffer, from: start)
    }

    private mutating func onMessageEnd(_ events: inout [WebSocketEvent]) {
        let isText = messageOpcode == .text
        if isText, !validator.isAtBoundary { return fail(.invalidUTF8, &events) }
        // The event takes the buffer over; the decoder keeps nothing.
        events.append(isText ? .text(message) : .binary(message))
        message = []
        messageOpcode = nil
    }

    private mutating func onControlEnd(_ events: inout [WebSocketEvent]) {
        let payload = control
        control = []
        step = .first
        switch opcode {
        case .ping: events.append(.ping(payload))
        case .pong: events.append(.pong(payload))
        case .close: onClose(payload, &events)
        case .continuation, .text, .binary: preconditionFailure("a data frame on the road of control frames")
        }
    }

    private mutating func onClose(_ payload: [UInt8], _ events: inout [WebSocketEvent]) {
        guard payload.count != 1 else { return fail(.closePayloadLength, &events) }
        guard payload.count >= 2 else {
            finish()
            events.append(.close(code: nil, reason: []))
            return
        }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        guard CloseCode.mayTravel(code) else { return fail(.closeCodeInvalid, &events) }
        let reason = payload[2...]
        var reasonValidator = UTF8Validator()
        guard reasonValidator.consume(reason), reasonValidator.isAtBoundary else { return fail(.invalidUTF8, &events) }
        finish()
        events.append(.close(code: code, reason: Array(reason)))
    }

    // MARK: End

    private mutating func fail(_ failure: WebSocketFailure, _ events: inout [WebSocketEvent]) {
        finish()
        events.append(.failure(failure))
    }

    private mutating func finish() {
        step = .finished
        messageOpcode = nil
        message = []
        control = []
    }
}
