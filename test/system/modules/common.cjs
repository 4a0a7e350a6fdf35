module.exports = {
  app(_environ, startResponse) {
    startResponse("200 OK", []);
    return "common\n";
  },
};
