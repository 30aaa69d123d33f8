// A client of the remote API on npm's nodejs-websocket. Its standard input is a JSON object:
// {url, origin, ca, cert, key, passwords, requests, frames}; it prints every frame that it gets, one a line, and leaves
// with 0 after so many frames behind the greeting and the authentication, with 1 when the connection breaks before.
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const websocket = require('nodejs-websocket')

const task = JSON.parse(fs.readFileSync(0, 'utf8'))
const passwords = [...task.passwords]
let wanted = task.frames

function leave(code, why) {
    if (why) process.stderr.write(`${why}\n`)
    process.exitCode = code
    process.stdout.write('', () => process.exit(code))
}

function authenticate(hello) {
    const key = `${hello.type}:${passwords.shift()}:${hello.name}`
    const res = crypto.createHmac('sha256', key).update(hello.challenge).digest('hex')
    connection.sendText(JSON.stringify({ message: 'authenticate', message_id: 'login', res }))
}

function onFrame(text) {
    process.stdout.write(`${text}\n`)
    const frame = JSON.parse(text)
    const ready = frame.message === 'ready' || frame.ready === true
    if (ready) {
        for (const request of task.requests) connection.sendText(JSON.stringify(request))
    } else if (frame.message === 'authenticate') {
        if (!passwords.length) leave(0)
        else authenticate(frame)
    } else {
        wanted -= 1
    }
    if (!wanted) connection.close()
}

const options = task.origin ? { extraHeaders: { Origin: task.origin } } : {}
for (const name of ['ca', 'cert', 'key']) if (task[name]) options[name] = fs.readFileSync(task[name])
const connection = websocket.connect(task.url, options)
connection.on('text', onFrame)
connection.on('error', (error) => leave(1, error.message))
connection.on('close', (code) => leave(wanted ? 1 : 0, wanted ? `closed: ${code}` : ''))
setTimeout(() => leave(1, 'no answer'), 15000).unref()
