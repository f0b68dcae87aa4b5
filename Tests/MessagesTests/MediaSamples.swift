// Samples of media; see Samples.swift.

import Media
import Messages
import Primitives

private let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
private let reference = MediaReference(id: "00112233445566778899aabb", secret: "0123456789abcdef0123456789abcdef")!
private let referenceBytes = "18303031313232333334343535363637373838393961616262 203031323334353637383961626364656630313233343536373839616263646566"

let mediaSamples: [Sample] = [
    Sample(
        9,
        .mediaRequest(
            MediaRequest(
                origin: origin, reference: m1,
                wish: .upload(MediaFile(name: "a", mime: "image/png", size: 300, hash: hash, isOpaque: true)!))),
        originBytes + "026d31 01 0161 09696d6167652f706e67 ac02 4030313233343536373839616263646566303132333435363738396162636465663031323334353637383961626364656630313233343536373839616263646566 01"),
    Sample(
        9, .mediaRequest(MediaRequest(origin: origin, reference: m1, wish: .link(reference))),
        originBytes + "026d31 02" + referenceBytes),
    Sample(
        9, .mediaRequest(MediaRequest(origin: origin, reference: m1, wish: .keep(reference))),
        originBytes + "026d31 03" + referenceBytes),
]

extension MessageDice {
    private mutating func digits(_ count: Int) -> String {
        String((0..<count).map { _ in Array("0123456789abcdef")[dice.pick(0..<16)] })
    }

    private mutating func media() -> MediaReference {
        MediaReference(id: digits(MediaLimits.idDigitCount), secret: digits(MediaLimits.secretDigitCount))!
    }

    private mutating func file() -> MediaFile {
        MediaFile(
            name: name(MediaLimits.nameBytesMax), mime: name(MediaLimits.mimeBytesMax), size: number(),
            hash: digits(MediaLimits.hashDigitCount), isOpaque: flag())!
    }

    mutating func mediaMessage() -> Message {
        let wish: MediaRequest.Wish =
            switch dice.pick(0..<3) {
            case 0: .upload(file())
            case 1: .link(media())
            default: .keep(media())
            }
        return .mediaRequest(MediaRequest(origin: origin(), reference: id(), wish: wish))
    }
}
