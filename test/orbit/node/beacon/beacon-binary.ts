/**
 * What the test of the compiled beacon compiles: fetches round 1000 of quicknet from a relay, and
 * signs a round.
 */
import { drandSource } from '../../../../orbit/node/beacon/drand.ts'
import { localSource } from '../../../../orbit/node/beacon/local.ts'
import { localChain, localSecret, QUICKNET } from '../../../../orbit/rules/network/beacon.ts'

const drand = drandSource({ chain: QUICKNET, urls: [process.argv[2]!] })
console.log(Buffer.from((await drand.round(1000)).randomness).toString('hex'))
await drand.stop()
const secret = localSecret(new Uint8Array(48).fill(1))
const local = localSource({ chain: localChain(secret, 1_700_000_000, 1), secret })
console.log('local', (await local.round(3)).round)
await local.stop()
