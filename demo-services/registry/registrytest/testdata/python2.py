"""Checks of a Nacos server with the API of nacos-sdk-python 2.x: host port service."""
import asyncio
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from v2.nacos import (ClientConfigBuilder, DeregisterInstanceParam, ListInstanceParam, NacosNamingService,
                      RegisterInstanceParam, SubscribeServiceParam)

host, port, service = sys.argv[1:]
ip, number, group = "10.0.0.1", 8080, "DEFAULT_GROUP"
pushed = []


def enable(on):
    form = urllib.parse.urlencode({"serviceName": service, "ip": ip, "port": number, "enabled": on, "weight": 2})
    request = urllib.request.Request(f"http://{host}:{port}/nacos/v1/ns/instance", form.encode(), method="PUT")
    try:
        assert urllib.request.urlopen(request).read() == b"ok"
    except urllib.error.HTTPError as e:
        sys.exit(f"enabling: {e.read()}")


async def on_push(instances):
    pushed.append(list(instances))


async def wait(what, condition):
    deadline = time.monotonic() + 10
    while not await condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within 10 s: {pushed}")
        await asyncio.sleep(0.05)
    print(what)


async def main():
    config = ClientConfigBuilder().server_address(f"{host}:{port}").namespace_id("public").log_dir(os.getcwd()).cache_dir(os.getcwd()).build()
    config.set_update_cache_when_empty(True)
    publisher = await NacosNamingService.create_naming_service(config)
    consumer = await NacosNamingService.create_naming_service(config)

    async def listed():
        hosts = await consumer.list_instances(ListInstanceParam(service_name=service, group_name=group, healthy_only=None, subscribe=False))
        return len(hosts) == 1 and (hosts[0].ip, hosts[0].port, hosts[0].weight, hosts[0].metadata) == (ip, number, 2.0, {"version": "2"})

    async def last_push_has(n):
        return bool(pushed) and len(pushed[-1]) == n

    await consumer.subscribe(SubscribeServiceParam(service_name=service, group_name=group, subscribe_callback=on_push))
    await publisher.register_instance(RegisterInstanceParam(
        service_name=service, group_name=group, ip=ip, port=number, weight=2.0, metadata={"version": "2"}, enabled=True, healthy=True))
    await wait("register and list", listed)
    await wait("pushed", lambda: last_push_has(1))
    enable(False)
    await wait("disable", lambda: last_push_has(0))
    enable(True)
    await wait("enable", lambda: last_push_has(1))
    await publisher.deregister_instance(DeregisterInstanceParam(service_name=service, group_name=group, ip=ip, port=number))
    await wait("deregister", lambda: last_push_has(0))


asyncio.run(main())
