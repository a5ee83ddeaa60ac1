/** Renders the sample into the folder of the first argument: run as a process of its own by the tests. */
import { renderSite } from '../../site/render.ts'
import { certificatesOf, sample } from './sample.ts'

const data = sample(3)
await renderSite(data, process.argv[2]!, { certificates: certificatesOf(data) })
