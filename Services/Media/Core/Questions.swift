// What clients ask on the chat's socket.

import ClientProtocol
import CoreKit
import Media
import Messages
import Primitives

extension MediaCore {
    mutating func onQuestion(_ request: MediaRequest, now: Now, _ effects: inout [Effect]) {
        guard base != nil else { return refuse(request, .unsupported, "this media node has no address for clients", &effects) }
        guard mayOrder else {
            return refuse(request, .overloaded, "too much work waits", retryMs: LoadBook.retryMs(request.origin.user, now: now.stamp), &effects)
        }
        switch request.wish {
        case .upload(let file):
            guard (1...MediaLimits.fileBytesMax).contains(file.size) else {
                return refuse(request, .mediaTooLarge, "a file has 1 to \(MediaLimits.fileBytesMax) bytes", &effects)
            }
            guard file.isOpaque || MediaKind(rawValue: file.mime) != nil else {
                let kinds = MediaKind.allCases.map(\.rawValue).joined(separator: ", ")
                return refuse(request, .mediaType, "what is not opaque is one of \(kinds)", &effects)
            }
            order(.open(owner: request.origin.user, file: file), for: .question(request), &effects)
        case .link(let media), .keep(let media):
            order(.keep(media), for: .question(request), &effects)
        }
    }

    mutating func onAnswer(_ request: MediaRequest, _ result: MediaOutcome.Result, now: Now, _ effects: inout [Effect]) {
        switch result {
        case .opened(let upload):
            counters.uploadsBegun += 1
            let until = now.stamp + rules.uploadTimeout
            effects.append(
                .tell(request.origin, .mediaUpload(ref: request.reference, url: link(.upload, upload, request, until), until: until)))
        case .kept:
            if case .link(let media) = request.wish {
                counters.links += 1
                let until = now.stamp + rules.linkTimeout
                return effects.append(
                    .tell(request.origin, .mediaLink(ref: request.reference, url: link(.download, media.id, request, until), until: until)))
            }
            counters.kept += 1
            effects.append(.tell(request.origin, .mediaKept(ref: request.reference)))
        case .unknown: refuse(request, .mediaUnknown, "there is no such file", &effects)
        case .quotaExceeded:
            refuse(
                request, .mediaQuota, "\(rules.userBytesPerDayMax) bytes a day are announced", retryMs: MediaLimits.quotaRetryMs,
                &effects)
        case .tooManyUploads:
            refuse(
                request, .tooManyUploads, "\(MediaLimits.openUploadCountMax) uploads are not finished", retryMs: MediaLimits.openRetryMs,
                &effects)
        case .full: refuse(request, .storageFull, "the disk for media is full", retryMs: MediaLimits.fullRetryMs, &effects)
        case .broken, .upload, .appended, .misplaced, .hashDiffers, .typeDiffers, .reading, .swept, .hashing, .placing, .removed, .fetched, .done,
            .away, .forbidden:
            refuse(request, .unavailable, "the store of media failed", retryMs: MediaLimits.fullRetryMs, &effects)
        }
    }

    private func link(_ purpose: Links.Purpose, _ subject: String, _ request: MediaRequest, _ until: Stamp) -> String {
        (base ?? "") + links.make(purpose, subject, user: request.origin.user, until: until)
    }

    private mutating func refuse(
        _ request: MediaRequest, _ code: ErrorCode, _ text: String, retryMs: UInt32? = nil, _ effects: inout [Effect]
    ) {
        counters.questionsRefused += 1
        effects.append(.tell(request.origin, .error(ErrorFrame(code, text, ref: request.reference, retryMs: retryMs))))
    }
}
