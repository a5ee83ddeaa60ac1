/** A drand relay on loopback: the HTTP API of drand for the rounds of a chain that it is given. */
import { QUICKNET } from '../../../../orbit/rules/network/beacon.ts'
import { QUICKNET_ROUNDS } from '../../../vectors/quicknet.ts'

export interface Relay {
  readonly url: string
  /** Paths that were asked for. */
  readonly asked: string[]
  stop(): void
}

/** @param respond what to do with a request for a round; by default the recorded round, or 404 */
export function relay(respond: (round: number) => Response | Promise<Response> = recorded): Relay {
  const asked: string[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url)
      asked.push(pathname)
      const [hash, part, round] = pathname.slice(1).split('/')
      if (hash !== QUICKNET.hash || part !== 'public') return new Response('not found', { status: 404 })
      return respond(Number(round))
    },
  })
  return { url: `${server.url}${QUICKNET.hash}`, asked, stop: () => void server.stop(true) }
}

export function recorded(round: number): Response {
  const vector = QUICKNET_ROUNDS.find((v) => v.round === round)
  return vector ? Response.json(vector) : new Response('not found', { status: 404 })
}
