// Bytes that come in.
//
// A PUT says where its bytes begin (`Upload-Offset`) and how many there are; they must begin where the store's end. A connection
// that breaks loses what was in it and nothing else: HEAD tells where to go on. One connection writes to an upload; a second
// one means that the first is dead and has not noticed, so it takes over.

import CoreKit
import Media
import Primitives
import RPC
import WebSocket

extension MediaCore {
    mutating func beginUpload(_ socket: SocketID, _ request: HTTPRequest, _ effects: inout [Effect]) {
        guard request.headers["content-length"] != nil else { return refuse(socket, 411, "content_length_missing", &effects) }
        let text = request.headers["upload-offset"] ?? "0"
        guard text.utf8.count <= 15, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let offset = UInt64(text) else {
            return refuse(socket, 400, "upload_offset", &effects)
        }
        guard request.bodyBytes <= MediaLimits.fileBytesMax else { return refuse(socket, 413, "longer_than_announced", &effects) }
        let subject = connections[socket]!.subject
        if let other = writers[subject] { refuse(other, 409, "taken_over", &effects) }
        writers[subject] = socket
        connections[socket]!.offset = offset
        connections[socket]!.bodyLeft = request.bodyBytes
        setPaused(socket, true, &effects)
        ask(.look(upload: subject), socket, request, &effects)
    }

    mutating func onUpload(
        _ socket: SocketID, _ request: HTTPRequest, _ state: UploadState, now: Now, _ effects: inout [Effect]
    ) {
        let connection = connections[socket]!
        guard connection.offset == state.offset else { return refuse(socket, 409, "offset_differs", offset: state.offset, &effects) }
        guard connection.bodyLeft <= state.size - state.offset else {
            return refuse(socket, 413, "longer_than_announced", offset: state.offset, &effects)
        }
        if let reference = state.reference { return end(socket, Answers.created(reference, size: state.size), &effects) }
        connections[socket]!.size = state.size
        connections[socket]!.phase = .body
        connections[socket]!.held = []
        if request.headers["expect"]?.lowercased() == "100-continue", connection.held.isEmpty {
            effects.append(.writeClient(socket, HTTPResponse.goOn))
        }
        setPaused(socket, false, &effects)
        if connection.held.isEmpty { settle(socket, &effects) } else { takeBody(socket, connection.held[...], now: now, &effects) }
    }

    mutating func takeBody(_ socket: SocketID, _ bytes: ArraySlice<UInt8>, now: Now, _ effects: inout [Effect]) {
        guard var connection = connections[socket] else { return }
        let piece = Array(bytes.prefix(Int(min(connection.bodyLeft, UInt64(bytes.count)))))
        guard !piece.isEmpty else { return }
        order(.append(upload: connection.subject, offset: connection.offset, bytes: piece), for: .piece(socket), &effects)
        connection.offset += UInt64(piece.count)
        connection.bodyLeft -= UInt64(piece.count)
        connection.recentBytes += piece.count
        connection.pieceCount += 1
        connections[socket] = connection
        counters.bytesIn += UInt64(piece.count)
        if connection.pieceCount >= MediaLimits.pieceCountMax { setPaused(socket, true, &effects) }
    }

    mutating func onPiece(_ socket: SocketID, _ result: MediaOutcome.Result, now: Now, _ effects: inout [Effect]) {
        guard let connection = connections[socket], connection.isUploading else { return }
        guard result == .appended else { return refuse(socket, result, &effects) }
        connections[socket]!.pieceCount -= 1
        if connections[socket]!.pieceCount <= MediaLimits.pieceCountMax / 2 { setPaused(socket, false, &effects) }
        settle(socket, &effects)
    }

    /// All that this request brings is on the disk: the end of the upload, or of its part.
    private mutating func settle(_ socket: SocketID, _ effects: inout [Effect]) {
        guard let connection = connections[socket], connection.bodyLeft == 0, connection.pieceCount == 0 else { return }
        guard connection.offset == connection.size else {
            return end(socket, Answers.progress(204, connection.offset, of: connection.size), &effects)
        }
        connections[socket]!.phase = .finishing
        order(.finish(upload: connection.subject), for: .finish(socket, upload: connection.subject), &effects)
    }

    mutating func onFinished(_ socket: SocketID, _ upload: String, _ result: MediaOutcome.Result, _ effects: inout [Effect]) {
        switch result {
        // Whoever waits for it may have gone: it is finished all the same, and found by the next.
        case .hashing: return order(.finish(upload: upload), for: .finish(socket, upload: upload), &effects)
        case .placing(let hash, let size):
            return order(.put(upload: upload, hash: hash, size: size), for: .place(socket, upload: upload), &effects)
        case .upload: counters.uploadsFinished += 1
        case .hashDiffers, .typeDiffers: counters.uploadsRefused += 1
        default: break
        }
        guard connections[socket] != nil else { return }
        guard case .upload(let state) = result, let reference = state.reference else { return refuse(socket, result, &effects) }
        end(socket, Answers.created(reference, size: state.size), &effects)
    }

    /// The bucket has the file, or not; the store hears of it in either case.
    mutating func onPlaced(_ socket: SocketID, _ upload: String, _ result: MediaOutcome.Result, _ effects: inout [Effect]) {
        guard result == .done else {
            order(.notPlaced(upload: upload), for: .nothing, &effects)
            // Another connection has finished it meanwhile.
            if result == .unknown { return order(.finish(upload: upload), for: .finish(socket, upload: upload), &effects) }
            if connections[socket] != nil { refuse(socket, result, &effects) }
            return
        }
        order(.placed(upload: upload), for: .finish(socket, upload: upload), &effects)
    }

    private mutating func setPaused(_ socket: SocketID, _ isPaused: Bool, _ effects: inout [Effect]) {
        guard let connection = connections[socket], connection.isPaused != isPaused else { return }
        connections[socket]!.isPaused = isPaused
        effects.append(.disk(.pause(socket, isPaused)))
    }
}
