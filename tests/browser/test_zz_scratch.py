import pytest
def test_page(app_server, page):
    s = app_server(SITECHAT_LLM="extractive")
    s.wait_until_ready()
    page.goto(s.url)
    page.get_by_text("Try one of these").wait_for(timeout=60000)
    page.wait_for_timeout(2000)
    page.screenshot(path="/tmp/house/p1.png")
    page.get_by_role("button", name="What happens when I reload").click()
    page.get_by_text("Sources").first.wait_for(timeout=60000) if False else page.wait_for_timeout(6000)
    page.screenshot(path="/tmp/house/p2.png")
    assert s.get("/api/nothing")[0] == 404
def test_runtime(runtime):
    assert runtime.models.names()
async def test_async_after_browser():
    pass
@pytest.mark.skip(reason="x")
def test_skip(): pass
