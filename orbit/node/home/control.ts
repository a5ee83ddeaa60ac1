/**
 * One process owns a data directory, and the others ask it. A running node answers on loopback, to
 * any process that can read control.json (mode 0600) in its data directory. Requests and answers
 * are dag-cbor.
 */
import { timingSafeEqual } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { bytesToHex } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { UserError } from '../../rules/base/errors.ts'
import { writeAtomically } from '../storage/atomic-file.ts'

/** The running node could not be asked, or refused. */
export class ControlError extends UserError {
  override readonly name = 'ControlError'
}

const controlFile = z.strictObject({ port: z.number().int(), token: z.string(), pid: z.number().int() })
const path = (directory: string) => join(directory, 'control.json')

export type ControlHandlers = Readonly<Record<string, (input: unknown) => Promise<unknown> | unknown>>

export interface Control {
  stop(): Promise<void>
}

export function serveControl(directory: string, handlers: ControlHandlers): Control {
  const token = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
  const expected = Buffer.from(`Bearer ${token}`)
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 120,
    async fetch(request) {
      const given = Buffer.from(request.headers.get('authorization') ?? '')
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        return new Response(null, { status: 401 })
      const name = new URL(request.url).pathname.slice(1)
      if (!Object.hasOwn(handlers, name)) return new Response(`unknown request ${name}`, { status: 404 })
      try {
        const answer = await handlers[name]!(dagCbor.decode(new Uint8Array(await request.arrayBuffer())))
        return new Response(Buffer.from(dagCbor.encode(answer ?? null)))
      } catch (error) {
        return new Response((error as Error).message, { status: 422 })
      }
    },
  })
  writeAtomically(path(directory), JSON.stringify({ port: server.port, token, pid: process.pid }))
  return {
    async stop() {
      rmSync(path(directory), { force: true })
      await server.stop(true)
    },
  }
}

/**
 * Asks the node that runs on a data directory.
 *
 * @throws {ControlError} when none answers, or it refuses
 */
export async function askNode<T>(directory: string, name: string, input: unknown = null): Promise<T> {
  let contact: z.infer<typeof controlFile>
  try {
    contact = controlFile.parse(JSON.parse(readFileSync(path(directory), 'utf8')))
  } catch {
    throw new ControlError(`another process uses ${directory} but answers no questions: wait for it to finish`)
  }
  let response: Response
  try {
    response = await fetch(`http://127.0.0.1:${contact.port}/${name}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${contact.token}` },
      body: Buffer.from(dagCbor.encode(input)),
    })
  } catch {
    throw new ControlError(
      `the node with process id ${contact.pid} that uses ${directory} does not answer: is it still starting?`,
    )
  }
  if (!response.ok) throw new ControlError(`the running node refused: ${await response.text()}`)
  return dagCbor.decode<T>(new Uint8Array(await response.arrayBuffer()))
}
