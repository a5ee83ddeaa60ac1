/**
 * Addresses that a node is told to listen on, which are parsed and tried before libp2p gets them.
 */
import { createServer } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { UserError } from '../../rules/base/errors.ts'

/** A command line or a configuration names an address that is none. */
export class AddressError extends UserError {
  override readonly name = 'AddressError'
}

/** Something else listens on the address. */
export class PortInUse extends UserError {
  override readonly name = 'PortInUse'
  /** @param address what was to be listened on */
  constructor(address: string) {
    super(`cannot listen on ${address}: the port is in use. Stop what uses it, or choose another with --listen`)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'ports below 1024 need more rights than this user has',
  EADDRNOTAVAIL: 'this machine has no such address',
}

/** @throws {AddressError} */
export function parseAddress(address: string): Multiaddr {
  try {
    return multiaddr(address)
  } catch {
    throw new AddressError(`"${address}" is not a multiaddr (such as /ip4/127.0.0.1/tcp/4710)`)
  }
}

/**
 * libp2p goes on when one of several addresses is taken, and its user would wonder why no peer can
 * connect.
 *
 * @throws {PortInUse | AddressError}
 */
export async function assertFreePort(address: Multiaddr): Promise<void> {
  const parts = address.getComponents()
  const host = parts.find(({ name }) => name === 'ip4' || name === 'ip6')?.value
  const port = Number(parts.find(({ name }) => name === 'tcp')?.value ?? 0)
  if (!host || !port) return
  const server = createServer()
  const code = await new Promise<string | undefined>((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
  if (code === undefined) return
  if (code === 'EADDRINUSE') throw new PortInUse(address.toString())
  throw new AddressError(`cannot listen on ${address}: ${REASONS[code] ?? code}. Choose another with --listen`)
}
