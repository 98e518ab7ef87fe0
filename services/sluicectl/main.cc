#include "sluicectl/application.h"

int main(int argc, char** argv) { return sluice::sluicectl::RunApplication(argc, argv); }
