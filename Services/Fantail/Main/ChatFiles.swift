// Files in `fantail chat`: `/file` sends one, `/save` gets one. Questions go over the chat's own connection, bytes go aside.

import ChatClient
import ClientProtocol
import FantailCLI
import Glibc
import Media
import Primitives

/// Files on their way, one after the other.
struct ChatFiles {
    /// What to do about it, or say.
    enum Happening {
        case notice(String)
        /// The file is there and kept: a message may tell of it.
        case message([UInt8])
    }

    private enum Work {
        case send(OutgoingFile, words: String)
        case save(MediaLine, path: String)
    }

    private enum Phase {
        case asksLink
        case transfers
        case asksKeep(MediaReference)
    }

    private struct Job {
        let work: Work
        var phase = Phase.asksLink
        var ref = System.newMessageID()
        /// When the question is due, again perhaps.
        var askAt: Instant? = System.now().instant
    }

    private enum Outcome: Sendable {
        case uploaded(MediaReference)
        case saved
        case failed(String)
    }

    /// What went aside, and what became of it.
    private struct Report: Sendable {
        let ref: MessageID
        let outcome: Outcome
    }

    /// Orders that wait behind the first; each file to send is in memory.
    private static let jobCountMax = 8

    /// Of those who hold the files.
    private let trust: Trust
    private var jobs: [Job] = []
    private let background = Background<Report>()

    init(_ trust: Trust) { self.trust = trust }

    /// Readable when bytes are through.
    var descriptor: Int32 { background.descriptor }
    var isBusy: Bool { !jobs.isEmpty }
    /// When to step at the latest, while online.
    var deadline: Instant? { jobs.first?.askAt }

    // MARK: Orders

    /// Takes an order on.
    /// - Returns: a sentence for the person.
    mutating func take(_ order: FileOrder, in chat: Chat) -> String {
        guard jobs.count < Self.jobCountMax else { return "\(jobs.count) files are under way already; wait for one" }
        do throws(CommandFailure) {
            switch order {
            case .wrong(let sentence): return sentence
            case .send(let path, let words):
                let file = try OutgoingFile(path: Self.atHome(path))
                // Name and reference take less than two kilobytes, however they are escaped.
                guard words.utf8.count <= ClientLimits.bodyBytesMax - 2_048 else { return "too many words for one message" }
                jobs.append(Job(work: .send(file, words: words)))
                return "sending \(Printable.line(file.file.name)), \(MediaWords.size(file.file.size)) ..."
            case .save(let number, let path):
                guard let file = chat.files.dropFirst(number - 1).first(where: { _ in true }) else {
                    return number == 1 ? "no file was sent in this chat" : "there are not so many files in this chat"
                }
                let path = try place(for: file, at: path.map(Self.atHome))
                jobs.append(Job(work: .save(file, path: path)))
                return "getting \(Printable.line(MediaWords.sentence(file))) ..."
            }
        } catch {
            return error.sentence
        }
    }

    /// Where a file shall be: never over one that is there.
    private func place(for file: MediaLine, at path: String?) throws(CommandFailure) -> String {
        let promised: [String] = jobs.compactMap { if case .save(_, let path) = $0.work { path } else { nil } }
        func isTaken(_ path: String) -> Bool { Files.exists(path) || promised.contains(path) }
        let name = MediaWords.safeName(file.name)
        let folder = path.map { Files.isFolder($0) ? $0 : nil } ?? "."
        guard let folder else {
            guard !isTaken(path!) else { throw .failure("\(path!) is there already") }
            return path!
        }
        let prefix = folder == "." ? "" : folder.hasSuffix("/") ? folder : folder + "/"
        guard let free = MediaWords.freeName(name, isTaken: { isTaken(prefix + $0) }) else {
            throw .failure("every name like \(name) is taken")
        }
        return prefix + free
    }

    /// No shell stands between the person and us.
    private static func atHome(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = System.environment("HOME") else { return path }
        return home + path.dropFirst()
    }

    // MARK: Steps

    /// What came from the cluster.
    mutating func on(_ event: CourierEvent) -> [Happening] {
        guard let job = jobs.first else { return [] }
        switch event {
        case .online:
            if case .transfers = job.phase { break }
            jobs[0].askAt = System.now().instant
        case .news(.mediaLink(job.ref, let url, _)):
            guard case .asksLink = job.phase else { break }
            jobs[0].phase = .transfers
            jobs[0].askAt = nil
            transfer(job, url)
        case .news(.mediaKept(job.ref)):
            guard case .asksKeep(let reference) = job.phase, case .send(let file, let words) = job.work else { break }
            jobs.removeFirst()
            let line = MediaLine(reference: reference, file: file.file).text
            return [.message(Array((words.isEmpty ? line : "\(line)\n\n\(words)").utf8))]
        case .news(.refused(let error)) where error.ref == job.ref:
            // The question was asked twice, and the first answer was a link.
            if case .transfers = job.phase { break }
            if let wait = Inquiry.retryMs(error) {
                jobs[0].askAt = System.now().instant + .milliseconds(wait)
            } else {
                return fail("\(Printable.line(error.text)) (\(error.code.name))")
            }
        default: break
        }
        return []
    }

    /// Asks what is due, and takes what is through.
    mutating func step(_ courier: Courier) throws(CommandFailure) -> [Happening] {
        var happened: [Happening] = []
        for report in background.take() where report.ref == jobs.first?.ref {
            switch report.outcome {
            case .failed(let sentence): happened += fail(sentence)
            case .saved:
                if case .save(_, let path) = jobs.removeFirst().work { happened.append(.notice("saved as \(Printable.line(path))")) }
            case .uploaded(let reference):
                jobs[0].phase = .asksKeep(reference)
                jobs[0].ref = System.newMessageID()
                jobs[0].askAt = System.now().instant
            }
        }
        let now = System.now().instant
        guard courier.client.isLive, let job = jobs.first, let askAt = job.askAt, askAt <= now else { return happened }
        jobs[0].askAt = now + ClientTimes.answerTimeout
        switch (job.phase, job.work) {
        case (.asksLink, .send(let file, _)): try courier.requestUpload(of: file.file, ref: job.ref)
        case (.asksLink, .save(let file, _)): try courier.requestDownload(of: file.reference, ref: job.ref)
        case (.asksKeep(let reference), _): try courier.keep(reference, ref: job.ref)
        case (.transfers, _): break
        }
        return happened
    }

    private func transfer(_ job: Job, _ url: String) {
        let (work, ref, trust) = (job.work, job.ref, trust)
        background.run { Report(ref: ref, outcome: Self.outcome(of: work, url, trust)) }
    }

    private static func outcome(of work: Work, _ url: String, _ trust: Trust) -> Outcome {
        do throws(CommandFailure) {
            switch work {
            case .send(let file, _): return .uploaded(try MediaTransfer.upload(file.bytes, to: url, trust))
            case .save(_, let path):
                try Files.create(path, with: try MediaTransfer.download(url, trust))
                return .saved
            }
        } catch {
            return .failed(error.sentence)
        }
    }

    private mutating func fail(_ why: String) -> [Happening] {
        let what = switch jobs.removeFirst().work {
        case .send(let file, _): file.file.name
        case .save(let file, _): file.name
        }
        return [.notice("\(Printable.line(what)): \(why)")]
    }
}
