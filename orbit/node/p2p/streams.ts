/**
 * Length-prefixed messages on a libp2p stream: the length as u32 big endian, then so many bytes.
 * Neither side runs ahead of the other by more than some megabytes. libp2p alone does not ensure
 * that: its iterator takes in whatever a peer sends, however slowly we read, and its onDrain waits
 * only for the first drain of a stream.
 */
import type { Stream } from '@libp2p/interface'

export class StreamError extends Error {
  override readonly name = 'StreamError'
}

/** So many bytes received and not yet read make a peer wait until all of them are read. */
const HIGH = 1 << 20
/** So many bytes written and not yet taken by the peer's window make us wait. */
const UNSENT = 1 << 18

/**
 * Resolves when the peer has taken all but UNSENT bytes.
 *
 * @throws when the stream ends or the signal fires before that
 */
export async function sendMessage(stream: Stream, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
  const framed = new Uint8Array(4 + bytes.length)
  new DataView(framed.buffer).setUint32(0, bytes.length)
  framed.set(bytes, 4)
  stream.send(framed)
  while (stream.writeBufferLength > UNSENT) await progress(stream, signal)
}

/** Resolves when some bytes may have been taken. */
function progress(stream: Stream, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const moved = () => resolve()
  const closed = () => reject(new StreamError('the peer ended the stream before it had taken all'))
  const aborted = () => reject(signal!.reason)
  stream.addEventListener('drain', moved)
  stream.addEventListener('idle', moved)
  stream.addEventListener('close', closed)
  signal?.addEventListener('abort', aborted)
  if (signal?.aborted) aborted()
  if (stream.status !== 'open') closed()
  return promise.finally(() => {
    stream.removeEventListener('drain', moved)
    stream.removeEventListener('idle', moved)
    stream.removeEventListener('close', closed)
    signal?.removeEventListener('abort', aborted)
  })
}

/**
 * @throws {StreamError} when a message is longer than `longest` bytes, or the stream ends inside
 * one
 */
export async function* messages(stream: Stream, longest: number): AsyncGenerator<Uint8Array, undefined> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of chunks(stream)) {
    rest = rest.length === 0 ? chunk : new Uint8Array(Buffer.concat([rest, chunk]))
    let offset = 0
    while (rest.length - offset >= 4) {
      const length = new DataView(rest.buffer, rest.byteOffset + offset, 4).getUint32(0)
      if (length > longest) throw new StreamError(`a peer sent a message of ${length} bytes; ${longest} are the most`)
      if (rest.length - offset < 4 + length) break
      yield rest.slice(offset + 4, offset + 4 + length)
      offset += 4 + length
    }
    rest = rest.slice(offset)
  }
  if (rest.length > 0) throw new StreamError('a peer ended a message half way')
}

async function* chunks(stream: Stream): AsyncGenerator<Uint8Array> {
  const received: Uint8Array[] = []
  let bytes = 0
  let ended = stream.readableEnded || stream.status !== 'open'
  let failed: Error | undefined
  let wake = () => {}

  // Not within resume(), which hands out what was held back and then opens the window, whether
  // paused again or not.
  let resuming = false
  const pauseIfFull = () => {
    if (bytes > HIGH && stream.readStatus === 'readable' && !resuming) stream.pause()
  }
  const onMessage = ({ data }: { data: Uint8Array | { subarray(): Uint8Array } }) => {
    const chunk = data.subarray()
    received.push(chunk)
    bytes += chunk.length
    pauseIfFull()
    wake()
  }
  const onEnd = () => {
    ended = true
    wake()
  }
  const onClose = ({ error }: { error?: Error }) => {
    failed = error
    onEnd()
  }
  stream.addEventListener('message', onMessage)
  stream.addEventListener('end', onEnd)
  stream.addEventListener('close', onClose)
  try {
    while (true) {
      const chunk = received.shift()
      if (chunk) {
        bytes -= chunk.length
        yield chunk
        continue
      }
      if (stream.readStatus === 'paused') {
        resuming = true
        stream.resume()
        resuming = false
        pauseIfFull()
        continue
      }
      if (failed) throw failed
      if (ended && stream.readBufferLength === 0) return
      // The negotiation of the protocol may have read ahead, and gives that back after the end.
      if (ended) await new Promise<void>((resolve) => setImmediate(resolve))
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('end', onEnd)
    stream.removeEventListener('close', onClose)
  }
}
