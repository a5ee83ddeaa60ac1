/** Length-prefixed messages on a libp2p stream: u32 big endian, then so many bytes. Bounded, so that no peer can fill memory. */
import type { Stream } from '@libp2p/interface'

export class StreamError extends Error {
  override readonly name = 'StreamError'
}

export async function sendMessage(stream: Stream, bytes: Uint8Array): Promise<void> {
  const framed = new Uint8Array(4 + bytes.length)
  new DataView(framed.buffer).setUint32(0, bytes.length)
  framed.set(bytes, 4)
  if (!stream.send(framed)) await stream.onDrain()
}

/** @throws {StreamError} when a message is longer than `longest` bytes, or the stream ends inside one */
export async function* messages(stream: Stream, longest: number): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk.subarray() : new Uint8Array(Buffer.concat([rest, chunk.subarray()]))
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
