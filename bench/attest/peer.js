// SPDX-License-Identifier: Apache-2.0
// peer.js MODULE FOLDER…: how many quotes a CPU second npm's @phala/dcap-qvl verifies, of those that it judges at all.
"use strict";
const fs = require("fs");
const path = require("path");

const { verify } = require(process.argv[2]);

function load(dir) {
    const read = (name) => fs.readFileSync(path.join(dir, name));
    const tcb = JSON.parse(read("tcb_info.json")), qe = JSON.parse(read("qe_identity.json"));
    const inner = (text, name) => text.slice(text.indexOf(`"${name}":`) + name.length + 3, text.lastIndexOf(',"signature"'));
    return {
        quote: read("quote.bin"),
        now: Number(read("at")),
        collateral: {
            root_ca_crl: read("root_ca_crl.der"),
            pck_crl: read("pck_crl.der"),
            tcb_info_issuer_chain: read("tcb_chain.pem").toString(),
            tcb_info: inner(read("tcb_info.json").toString(), "tcbInfo"),
            tcb_info_signature: Buffer.from(tcb.signature, "hex"),
            qe_identity_issuer_chain: read("qe_chain.pem").toString(),
            qe_identity: inner(read("qe_identity.json").toString(), "enclaveIdentity"),
            qe_identity_signature: Buffer.from(qe.signature, "hex"),
        },
    };
}

async function judges(sample) {
    try {
        await verify(sample.quote, sample.collateral, sample.now);
        return true;
    } catch (error) {
        return false;
    }
}

async function main() {
    const samples = [];
    for (const dir of process.argv.slice(3)) {
        const sample = load(dir);
        if (await judges(sample))
            samples.push(sample);
    }
    if (!samples.length) {
        console.log("0 0");
        return;
    }
    const start = process.cpuUsage();
    let count = 0, spent = 0;
    do {
        for (const sample of samples)
            await judges(sample);
        count += samples.length;
        const used = process.cpuUsage(start);
        spent = (used.user + used.system) / 1e6;
    } while (spent < 2);
    console.log(`${(count / spent).toFixed(1)} ${samples.length}`);
}

main();
